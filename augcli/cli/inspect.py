"""augcli inspect: shows what a source holds and how it is understood."""

from __future__ import annotations

from typing import Annotated

import typer

from augcli.cli.declare import choice, flag
from augcli.cli.groups import grouped
from augcli.cli.options import Json, Quiet, Source
from augcli.cli.output import Output
from augcli.cli.progress import WHEN, Progress, progress_bar
from augcli.cli.source_lines import source_lines
from augcli.cli.source_options import GroupedReading
from augcli.cli.unused import refuse_unused
from augcli.tasks.source_choice import read_source


@grouped
def inspect(
    context: typer.Context,
    source: Source,
    reading: GroupedReading,
    deep: Annotated[
        bool, flag("deep", "open every image, and look for images of equal content")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    progress: Annotated[
        Progress, choice("progress", "when to show progress", Progress, meant=WHEN)
    ] = Progress.auto,
) -> None:
    """Show what SOURCE holds and how it is understood: kind, splits, classes with their ids and
    numbers of images, sizes, what cannot be read and what is left out.

    augcli inspect sample_data
    augcli inspect sample_data --deep --json
    """
    shown = Output(json, quiet)
    refuse_unused(context)
    from augcli.tasks.inspect import inspect as look
    from augcli.tasks.inspect import to_json

    sentences: list[str] = []

    def warn(sentence: str) -> None:
        sentences.append(sentence)
        shown.warn(sentence)

    listing = read_source(source, reading, warn)
    with progress_bar(progress, quiet=quiet or not deep) as bar:
        facts = look(
            listing,
            deep=deep,
            max_pixels=reading.max_pixels,
            on_start=bar.start,
            on_image=bar.update,
        )
    shown.result(
        {"source": source, **to_json(facts), "warnings": sentences},
        "\n".join(source_lines(source, facts)),
    )
