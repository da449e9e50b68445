"""augcli demo: photographs, and what becomes of them, in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augcli.cli.groups import grouped
from augcli.cli.options import Json, Quiet
from augcli.cli.output import Output
from augcli.cli.values import path_reader

_PHOTOS, _OUT, _SHEET = "photos", "mixed", "sheet.png"


@grouped
def demo(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[FOLDER]",
            parser=path_reader("FOLDER"),
            help="a folder that is made; augcli-demo in the current one if it is not given",
        ),
    ] = Path("augcli-demo"),
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put 30 photographs of five classes into FOLDER, look at them, and augment them.

    Shows the commands that it runs: inspect, preview and generate.

    augcli demo
    augcli demo tried --quiet
    """
    quiet = quiet or json
    report = Output(json, quiet)
    from augcli.tasks.demo import copy_photographs

    photos = folder / _PHOTOS
    copy_photographs(folder, photos)
    report.note(f"{photos} holds 30 photographs; README.md there names their authors.")
    command = context.find_root().command
    for arguments in (
        ["inspect", str(photos)],
        ["preview", str(photos), "--recipe", "saliencymix", "--to", str(folder / _SHEET)],
        ["generate", str(photos), str(folder / _OUT), "--recipe", "saliencymix", "--copies", "2"],
    ):
        report.note(f"\n$ augcli {' '.join(arguments)}")
        given = [*arguments, "--quiet"] if quiet else arguments
        code = command.main(given, "augcli", standalone_mode=False, obj=tuple(given))
        if code:
            raise typer.Exit(code)
    report.result(
        {"photos": str(photos), "sheet": str(folder / _SHEET), "out": str(folder / _OUT)},
        f"\nLook at {folder / _SHEET} and into {folder / _OUT}.",
    )
