"""A contact sheet of the first outputs of a run: the pixels that the run itself would write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from augcli.engine.images import Images
from augcli.engine.outputs import Outputs
from augcli.engine.plan import Run
from augcli.enums import Format
from augcli.errors import UnreadableImage, UserError
from augcli.image.codec import largest_side
from augcli.image.decoder_output import decoders_silent
from augcli.image.layout import most_lines
from augcli.image.sheet import Line, Panel, Sheet
from augcli.tasks.captions import (
    describe_keep,
    describe_options,
    describe_run,
    describe_source,
    label_lines,
    with_classes_of,
)
from augcli.tasks.panels import MOST_PANELS, PANELS_A_STEP, draw_line, explain_output
from augcli.text import count_text, first_reasons


class Preview(NamedTuple):
    """A sheet, and the sources that had no place on it since they cannot be read: their paths and
    the reasons."""

    sheet: Sheet
    unreadable: dict[str, str]


def most_examples(runs: Sequence[Run], side: int) -> int:
    """How many examples fit for certain into a sheet of `side` pixels: of one run as `preview`
    draws it, of several as `preview_recipes` does."""
    if len(runs) > 1:
        return most_lines(1 + len(runs), side, captions=False)
    pipeline = runs[0].job.pipeline
    applied = sum(pipeline.sources // span for span in pipeline.spans[1:])
    panels = pipeline.sources + PANELS_A_STEP * applied * len(pipeline.views)
    return most_lines(min(panels, MOST_PANELS), side, captions=True)


def draw(
    runs: Sequence[Run],
    examples: int,
    source: str,
    written: Format,
    warn: Callable[[str], None],
) -> Sheet:
    """The sheet of one run, or of several over one source, as it fits into a file of this format;
    `warn` is called for images that have no place on it. Raises UserError."""
    side = largest_side(written)
    if examples > (most := most_examples(runs, side)):
        raise UserError(
            f"--examples {examples} do not fit into {written.value}, which has at most {side}"
            f" pixels a side; {most} fit, or name a .png file with --to."
        )
    with decoders_silent():
        if len(runs) > 1:
            drawing = preview_recipes(runs, examples, source)
        else:
            drawing = preview(runs[0], examples, source)
    if drawing.unreadable:
        (path, reason), *others = drawing.unreadable.items()
        more = f" (and {count_text(len(others), 'more image')})" if others else ""
        warn(f"{path}{more} of SOURCE cannot be read and has no place on the sheet: {reason}")
    return drawing.sheet


def preview(run: Run, examples: int, source: str = "SOURCE") -> Preview:
    """The sheet of `examples` targets, one line each. `source` is what SOURCE is called there.

    They are the first ones in plan order that are not shown already as partners of others; where
    these do not suffice, the other ones follow. Raises UserError where no image can be read.
    """
    images = Images(run)
    lines: list[Line] = []
    shown: set[int] = set()
    why = ""
    for block, place in _targets(run, shown):
        if len(lines) == examples:
            break
        outputs_of_block = Outputs(run, images, block)
        try:
            outputs = outputs_of_block.of(place, 0)
        except UnreadableImage as error:
            why = str(error)
            continue
        lines.append(draw_line(run, outputs_of_block, outputs))
        shown.update(sample.index for output in outputs for sample in output.samples)
    if not lines:
        raise _unreadable(run, images, why)
    return Preview(
        Sheet(describe_run(run, describe_source(run, source, len(lines))), lines),
        _reasons(run, images),
    )


def _targets(run: Run, shown: Collection[int] = ()) -> Iterator[tuple[list[int], int]]:
    """Blocks and places in them of all targets in plan order, those at the end that are in `shown`
    when it is their turn."""
    later = []
    for number in range(run.plan.blocks):
        block = run.plan.block(number)
        for place, index in enumerate(block):
            if index in shown:
                later.append((block, place))
            else:
                yield block, place
    yield from later


def _unreadable(run: Run, images: Images, why: str = "") -> UserError:
    """What to say where nothing can be shown, for the images that were looked at; `why` is what is
    amiss with the last one."""
    listing, reasons = run.listing, images.unreadable
    first = first_reasons((listing.sample(index).relative, reasons[index]) for index in reasons)
    if not reasons:
        return UserError(f"No image of SOURCE can be shown: {why}.")
    if len(reasons) == len(listing):
        return UserError(f"No image of SOURCE can be read: {first}.")
    count = f"{len(reasons)} of {count_text(len(listing), 'image')}"
    return UserError(f"Too few images of SOURCE can be read; {count} cannot: {first}.")


def _reasons(run: Run, images: Images) -> dict[str, str]:
    return {run.listing.sample(i).relative: why for i, why in images.unreadable.items()}


def preview_recipes(runs: Sequence[Run], examples: int, source: str = "SOURCE") -> Preview:
    """A sheet of what several runs over one source make of the same targets, the first in plan
    order.

    Each line begins with the target, and shows one output a run. Raises UserError where no image
    can be read.
    """
    images = Images(runs[0])
    lines: list[Line] = []
    for block, place in _targets(runs[0]):
        if len(lines) == examples:
            break
        if not images.readable(block[place]):
            continue
        target = images.get(block[place])
        title = with_classes_of("target", runs[0].listing, target.sample.label)
        panels = [Panel(title, target.image, (target.sample.relative,), main=True)]
        for run in runs:
            try:
                output = Outputs(run, images, block).of(place, 0)[-1]
            except UnreadableImage as error:
                blank = np.full_like(target.image, 255)
                panels.append(Panel(run.job.pipeline.name, blank, (str(error),)))
                continue
            notes = (*label_lines(run.listing, output.label), *explain_output(run, output))
            image = output.picture.image
            panels.append(Panel(run.job.pipeline.name, image, notes, main=True))
        lines.append(Line(panels))
    if not lines:
        raise _unreadable(runs[0], images)
    keep = runs[0].job.pipeline.steps[0].keep
    heading = [
        "all recipes" if keep is None else f"all recipes, {describe_keep(keep)}",
        f"{describe_source(runs[0], source, len(lines))}; {describe_options(runs[0])}",
    ]
    return Preview(Sheet(heading, lines), _reasons(runs[0], images))
