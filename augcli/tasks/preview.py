"""A contact sheet of the first outputs of a run: the pixels that the run itself would write."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter

from augcli.engine.images import Images
from augcli.engine.outputs import Output, Outputs
from augcli.engine.plan import Run
from augcli.errors import UnreadableImage, UserError
from augcli.image.fit import Fitted
from augcli.image.layout import most_lines
from augcli.image.sheet import Line, Panel, Sheet
from augcli.pipeline.picture import Picture, Record
from augcli.pipeline.pipeline import Step
from augcli.recipes.recipe import Detection
from augcli.saliency.overlay import overlay
from augcli.tasks.captions import (
    describe_keep,
    describe_options,
    describe_run,
    describe_source,
    explain_draw,
    explain_keep,
    explain_skipped,
    label_line,
    percent,
    ranked,
)
from augcli.text import count_text, first_reasons

_PANELS_A_STEP = 3  # at most: the maps of what is kept and of what is moved, and what it made
_MOST_PANELS = 60  # in a line


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
    panels = pipeline.sources + _PANELS_A_STEP * applied * len(pipeline.views)
    return most_lines(min(panels, _MOST_PANELS), side, captions=True)


def preview(run: Run, examples: int, source: str = "SOURCE") -> Preview:
    """The sheet of `examples` targets, one line each. `source` is what SOURCE is called there.

    They are the first ones in plan order that are not shown already as partners of others; where
    these do not suffice, the other ones follow. Raises UserError where no image can be read.
    """
    images = Images(run)
    lines: list[Line] = []
    shown: set[int] = set()
    for block, place in _targets(run, shown):
        if len(lines) == examples:
            break
        made = Outputs(run, images, block)
        try:
            outputs = made.of(place, 0)
        except UnreadableImage:
            continue
        lines.append(_line(run, made, outputs))
        shown.update(sample.index for output in outputs for sample in output.samples)
    if not lines:
        raise _unreadable(run, images)
    heading = describe_run(run, describe_source(run, source, len(lines)))
    return Preview(Sheet(heading, lines), _reasons(run, images))


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


def _unreadable(run: Run, images: Images) -> UserError:
    """What to say where nothing can be shown, for the images that were looked at."""
    listing, reasons = run.listing, images.unreadable
    first = first_reasons((listing.sample(index).relative, reasons[index]) for index in reasons)
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
        panels = [Panel(target.class_name, target.image, (target.sample.relative,), main=True)]
        for run in runs:
            try:
                output = Outputs(run, images, block).of(place, 0)[-1]
            except UnreadableImage as error:
                blank = np.full_like(target.image, 255)
                panels.append(Panel(run.job.pipeline.name, blank, (str(error),)))
                continue
            notes = (label_line(run.listing.classes, output.label), *_drawn(run, output))
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


class _Step(NamedTuple):
    """A step that was applied for an output: what it drew, and the pictures that went in."""

    run: Run
    output: Output
    record: Record
    step: Step
    inputs: Sequence[Picture]


def _line(run: Run, made: Outputs, outputs: list[Output]) -> Line:
    widest = max(outputs, key=lambda output: len(output.used))
    results = [_result_panel(run, output, len(outputs) > 1) for output in outputs]
    panels = [*_source_panels(run, widest)]
    for output in outputs:
        prefix = f"{output.view}: " if len(outputs) > 1 else ""
        steps = _step_panels(run, made, output)
        panels += (replace(panel, title=prefix + panel.title) for panel in steps)
    room = _MOST_PANELS - len(results)
    named, others, rest = ranked(run.listing.classes, widest.label)
    text = [f"lam {widest.picture.shares[0]:.4f}", widest.output_id]
    if len(panels) > room:
        text.insert(0, "more pictures of sources and steps are not shown")
    if others:
        text.insert(0, f"{count_text(others, 'more class')}: {percent(rest)}")
    return Line([*panels[:room], *results], named, text)


def _source_panels(run: Run, output: Output) -> Iterator[Panel]:
    for number, decoded in enumerate(output.used):
        class_name = run.listing.classes[decoded.sample.label.dominant]
        title = f"{_who(output, number)}: {class_name}"
        yield Panel(title, decoded.image, (decoded.sample.relative,), main=number == 0)


def _who(output: Output, number: int) -> str:
    """What a source image is to an output."""
    if number == 0:
        return "target"
    return "partner" if len(output.used) == 2 else f"partner {number}"


def _result_panel(run: Run, output: Output, several: bool) -> Panel:
    image = output.picture.image
    notes = (f"{image.shape[1]} x {image.shape[0]}", *_drawn(run, output))
    title = output.view if several else "result"
    return Panel(
        title, image, notes, output.picture.boxes, main=not several or output.view != "orig"
    )


def _drawn(run: Run, output: Output) -> list[str]:
    """What the last step of an output drew, and which steps were left out of it."""
    record = output.picture.record
    class_name = output.used[0].class_name
    if record is None:
        if output.view == "orig":
            return []
        return explain_skipped(run.job.pipeline, class_name, set())
    applied = set()
    step: Record | None = record
    while step is not None:
        applied.add(step.get("step", 0))
        step = (step.get("inputs") or [None])[0]
    drawn = _explain(run, record, output.used[0].image.shape)
    if len(run.job.pipeline.steps) > 1:
        drawn[0] = f"step {record['step'] + 1}, {drawn[0]}"
    return [*drawn, *explain_skipped(run.job.pipeline, class_name, applied)]


def _explain(run: Run, record: Record, shape: tuple[int, ...]) -> list[str]:
    """What the last step in `record` drew for an image of `shape`; its name where there are others
    that it might be."""
    sentences = explain_draw(record["recipe"], record["params"], (shape[0], shape[1]))
    steps = run.job.pipeline.steps
    if len(steps) == 1 and not steps[0].alternatives:
        return sentences
    first, *more = sentences or [""]
    return [f"{record['recipe']}: {first}" if first else record["recipe"], *more]


def _step_panels(run: Run, made: Outputs, output: Output) -> Iterator[Panel]:
    """For each step of an output, in the order in which they were applied: the maps that it looked
    at, and what it made, unless that is the output itself."""
    last = output.picture.record
    if last is None:
        return
    seen: list[Panel] = []

    def observe(record: Record, step: Step, inputs: Sequence[Picture], picture: Picture) -> None:
        if len(seen) > _MOST_PANELS:  # no more than these are shown
            return
        whose = _who(output, inputs[0].sources[0])
        seen.extend(_map_panels(_Step(run, output, record, step, inputs)))
        if record is not last:
            title = f"step {record['step'] + 1} of {whose}"
            notes = _explain(run, record, picture.image.shape)
            seen.append(Panel(title, picture.image, tuple(notes), picture.boxes))

    made.remake(output, observe)
    yield from seen


def _map_panels(applied: _Step) -> Iterator[Panel]:
    """Maps over the images that they belong to, as these lie on the target's canvas, with the boxes
    that were chosen by them."""
    run, _, record, step, inputs = applied
    recipe = step.recipes[record.get("choice", 0)]
    prefix = f"step {record['step'] + 1}: " if len(run.job.pipeline.steps) > 1 else ""
    if step.keep is not None:
        kept = record["keep"]
        total = float(inputs[0].detect(step.keep.detection).sum(dtype=np.float64))
        notes = [explain_keep(kept, total), str(step.keep.detection)]
        panel = _map_panel(applied, 0, step.keep.detection, notes)
        boxes = () if kept["box"] is None else (kept["box"],)
        yield replace(panel, title=prefix + panel.title, boxes=boxes)
    looks_at = recipe.looks_at()
    params = TypeAdapter(recipe.params_type).validate_python(record["params"])
    for number, mark in recipe.marks(params).items():
        if number == 0 and step.keep is not None:
            continue  # it was shown with what was kept
        if number > 0 and inputs[number] is inputs[0]:
            continue  # nothing of the partner went in, and the target stands in its place
        detection = looks_at[number]
        notes = [f"{detection}: flat, drawn at random" if mark.flat else str(detection)]
        if recipe.drawn_per_batch():
            notes.append("the peak is that of the batch's first image")
        panel = _map_panel(applied, number, detection, notes)
        boxes = () if mark.box is None else (mark.box,)
        yield replace(panel, title=prefix + panel.title, boxes=boxes, mark=mark.pixel)


def _map_panel(applied: _Step, number: int, detection: Detection, notes: Sequence[str]) -> Panel:
    """The saliency of one of the inputs of a step."""
    run, output, _, _, inputs = applied
    height, width = inputs[0].image.shape[:2]
    picture = inputs[number]
    image, saliency_map = (
        Fitted(array, (height, width), run.job.fit).pixels()
        for array in (picture.image, picture.detect(detection))
    )
    title = f"{_who(output, picture.sources[0])}'s saliency"
    return Panel(title, overlay(image, saliency_map), tuple(notes))
