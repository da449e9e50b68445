"""augcli inspect: shows what a source holds and how it is understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.amounts import bytes_text
from augcli.cli.declare import choice, flag
from augcli.cli.groups import grouped
from augcli.cli.options import Json, Quiet, Source
from augcli.cli.output import Output
from augcli.cli.progress import WHEN, Progress, progress_bar
from augcli.cli.reading import read_source
from augcli.cli.source_options import ReadingOptions
from augcli.cli.unused import refuse_unused
from augcli.text import count_text, first_reasons, shorten

if TYPE_CHECKING:
    from augcli.tasks.inspect import Inspection

_MOST_CLASSES = 20
_MOST_SIZES = 4
_LONGEST_NAME = 28


@grouped
def inspect(
    context: typer.Context,
    source: Source,
    reading: ReadingOptions,
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
        "\n".join(_lines(source, facts)),
    )


def _lines(source: str, facts: Inspection) -> Iterator[str]:
    images = sum(one.images for one in facts.splits)
    yield (
        f"{source}: {facts.kind}; {count_text(images, 'image')} of"
        f" {count_text(len(facts.classes), 'class')}, {bytes_text(facts.bytes)}."
    )
    if len(facts.splits) > 1 or facts.splits[0].name:
        first, *others = facts.splits
        yield f"Split {first.name}: {count_text(first.images, 'image')}, which are augmented."
        for other in others:
            yield f"Split {other.name}: {count_text(other.images, 'image')}, which are not."
    yield ""
    yield from _class_table(facts)
    yield ""
    yield from _header_lines(facts, images)


def _class_table(facts: Inspection) -> Iterator[str]:
    """The classes by id, with their numbers of images in each split; of many, the largest and the
    smallest."""
    ids = list(range(len(facts.classes)))
    counts = facts.splits[0].counts
    if len(ids) > _MOST_CLASSES:
        by_size = sorted(ids, key=lambda number: (-counts[number], number))
        half = _MOST_CLASSES // 2
        ids = by_size[:half] + by_size[-half:]
    names = {number: shorten(facts.classes[number], _LONGEST_NAME) for number in ids}
    width = max(map(len, [*names.values(), "class"]), default=0)
    heads = [one.name or "images" for one in facts.splits]
    widths = [max(len(head), 7) for head in heads]
    yield f"{'id':>6}  {'class':<{width}}" + "".join(
        f"  {head:>{w}}" for head, w in zip(heads, widths, strict=True)
    )
    for place, number in enumerate(ids):
        if len(facts.classes) > _MOST_CLASSES and place == _MOST_CLASSES // 2:
            yield f"{'...':>6}  {count_text(len(facts.classes) - len(ids), 'more class')}"
        yield f"{number:>6}  {names[number]:<{width}}" + "".join(
            f"  {one.counts[number]:>{w}}" for one, w in zip(facts.splits, widths, strict=True)
        )


def _header_lines(facts: Inspection, images: int) -> Iterator[str]:
    headers = facts.headers
    of = "all images" if headers.read == images else f"{headers.read} of {images} images"
    sizes = Counter(headers.sizes)
    if sizes:
        widths = [width for width, _ in sizes]
        heights = [height for _, height in sizes]
        if len(sizes) <= _MOST_SIZES:
            text = ", ".join(f"{w}x{h} ({count})" for (w, h), count in sizes.most_common())
        else:
            text = (
                f"{len(sizes)} sizes from {min(widths)} to {max(widths)} pixels wide and"
                f" {min(heights)} to {max(heights)} high"
            )
        kinds = f"{_counts(headers.formats)}; {_counts(headers.modes)}"
        yield f"By the headers of {of}: {text}; {kinds}."
    if headers.unreadable:
        what = count_text(len(headers.unreadable), "image")
        yield f"{what} of {of} cannot be read: {first_reasons(headers.unreadable)}."
    if headers.read < images:
        yield "With --deep all images are opened, and compared."
    same = facts.duplicates
    if same is not None:
        yield from _duplicate_lines(same)


def _duplicate_lines(same: Any) -> Iterator[str]:
    if not same.groups:
        yield "No two images have the same content."
        return
    first = "; ".join(" = ".join(map(shorten, group)) for group in same.first)
    what = "1 image repeats" if same.images == 1 else f"{same.images} images repeat"
    yield f"{what} another one's content, in {count_text(same.groups, 'group')}: {first}."
    if same.across_splits:
        yield (
            f"{count_text(same.across_splits, 'group')} of them in several splits: what is measured"
            " on one was seen in the other."
        )
    if same.across_classes:
        yield f"{count_text(same.across_classes, 'group')} of them with several classes."


def _counts(numbers: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in numbers.most_common())
