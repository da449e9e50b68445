"""augcli convert: turns a finished output into another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augcli.cli.declare import choice
from augcli.cli.groups import grouped
from augcli.cli.options import Json, Quiet
from augcli.cli.output import Output
from augcli.cli.output_format import AnyOutputFormat, ShardSize
from augcli.cli.progress import WHEN, Progress, progress_bar
from augcli.cli.unused import refuse_unused
from augcli.errors import UserError
from augcli.tasks.output_format import parse_shard_size
from augcli.text import count_text, listed


@grouped
def convert(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="the folder of a finished run of `augcli generate`; it is read"
        ),
    ],
    other: Annotated[
        Path,
        typer.Argument(metavar="OTHER", help="an empty folder, or a new one, that is written"),
    ],
    output_format: AnyOutputFormat = None,
    shard_size: ShardSize = None,
    json: Json = False,
    quiet: Quiet = False,
    progress: Annotated[
        Progress, choice("progress", "when to show progress", Progress, meant=WHEN)
    ] = Progress.auto,
) -> None:
    """Turn OUT into another form, without augmenting again: the same images and rows in OTHER.

    augcli convert augmented tars --output-format webdataset
    augcli convert tars folders --output-format folder --json
    """
    report = Output(json, quiet)
    refuse_unused(context)
    from augcli.store.folders import refuse_unverifiable
    from augcli.tasks.convert import check_other
    from augcli.tasks.convert import convert as convert_all

    if output_format is None:
        raise UserError(
            "--output-format is missing; give it with folder or webdataset, which OTHER is to be."
        )
    size = parse_shard_size(shard_size, output_format)
    refuse_unverifiable(out)
    check_other(out, other)
    with progress_bar(progress, quiet=quiet) as bar:
        converted = convert_all(
            out, other, output_format, size, on_start=bar.start, on_images=bar.update
        )
    values = {
        "out": str(out),
        "other": str(other),
        "output_format": output_format.value,
        "outputs": converted.outputs,
        **({"splits": converted.others} if converted.others else {}),
    }
    others = [f"{count} of {name}" for name, count in converted.others.items()]
    beside = f"; beside it {listed(others, 'and')}" if others else ""
    report.result(
        values,
        f"{count_text(converted.outputs, 'image')} of {out} in {other}, as"
        f" {output_format.value}{beside}.",
        done=f"OTHER {other} is complete",
    )
