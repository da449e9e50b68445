"""The pictures of one example on a contact sheet: sources, steps, results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter

from augcli.arrays.types import Shape
from augcli.data.labels import SoftLabel
from augcli.engine.outputs import Output, Outputs
from augcli.engine.plan import Run
from augcli.enums import Labels
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.image.sheet import Line, Panel
from augcli.pipeline.picture import Picture, Record
from augcli.pipeline.pipeline import Step
from augcli.recipes.recipe import SaliencySpec
from augcli.recipes.ricap import quadrants
from augcli.saliency.overlay import overlay
from augcli.tasks.captions import (
    NO_CLASS,
    explain_draw,
    explain_fit,
    explain_keep,
    explain_skipped,
    label_lines,
    percent,
    ranked,
    share_text,
    with_classes_of,
)
from augcli.text import count_text

PANELS_A_STEP = 3  # at most: the maps of what is kept and of what is moved, and what it made
MOST_PANELS = 60  # in a line


class _Use(NamedTuple):
    """How a step uses a picture: as it lies on this canvas (rows, columns), and of that what is in
    the box, where it is not all."""

    canvas: Shape
    taken: Box | None


# Which picture: the source that was its target, by number, and how many steps were there before.
_Key = tuple[int, int]


def draw_line(run: Run, made: Outputs, outputs: Sequence[Output]) -> Line:
    """The pictures of the outputs of one target, its label, and what else there is to say."""
    widest = max(outputs, key=lambda output: len(output.used))
    differ = any(output.label != widest.label for output in outputs)
    results = [_result_panel(run, output, len(outputs) > 1, differ) for output in outputs]
    steps: list[Panel] = []
    uses: dict[_Key, _Use] = {}
    for output in outputs:
        panels, of_output = _step_panels(run, made, output)
        prefix = f"{output.view}: " if len(outputs) > 1 else ""
        steps += (replace(panel, title=prefix + panel.title) for panel in panels)
        for key, use in of_output.items():
            # What views take from different places is marked on none.
            uses[key] = use if uses.get(key, use) == use else uses[key]._replace(taken=None)
    pictures = [*_source_panels(run, widest, uses), *steps]
    room = MOST_PANELS - len(results)
    named, others, rest = ranked(run.listing.classes, widest.label)
    text = _text_of_label(run, widest, others, rest)
    if differ:
        text.append(f"the bars are the label of {widest.view}")
    if len(pictures) > room:
        text.append("more pictures of sources and steps are not shown")
    for output in outputs:
        prefix = f"{output.view}: " if len(outputs) > 1 else ""
        if run.job.pipeline.sources > 1:
            text.append(f"{prefix}lam {share_text(output.picture.shares[0])}")
        text.append(prefix + output.output_id)
    return Line([*pictures[:room], *results], _by_source(run, widest, named), text)


def _text_of_label(run: Run, output: Output, others: int, rest: float) -> list[str]:
    """What the bars of a label leave out, in words: classes that are not named, or that there are
    none. The sum of what several classes weigh says nothing where each stands for itself."""
    if run.job.labels is Labels.multi:
        if not output.label.ids:
            return [NO_CLASS]
        return [count_text(others, "more class")] if others else []
    return [f"{count_text(others, 'more class')}: {percent(rest)}"] if others else []


def _by_source(
    run: Run, output: Output, named: Sequence[tuple[str, float]]
) -> list[tuple[str, float]]:
    """Classes with their weights in the order of the sources that they come from, as the pictures
    stand: the target's is always the first."""
    classes = [
        run.listing.classes[class_id]
        for sample in output.samples
        for class_id in _first_classes(run, sample.label)
    ]
    return sorted(
        named, key=lambda pair: classes.index(pair[0]) if pair[0] in classes else len(classes)
    )


def _first_classes(run: Run, label: SoftLabel) -> tuple[int, ...]:
    return (label.dominant,) if run.job.labels is Labels.single else label.ids


def _source_panels(run: Run, output: Output, uses: Mapping[_Key, _Use]) -> Iterator[Panel]:
    for number, decoded in enumerate(output.used):
        title = with_classes_of(_who(output, number), run.listing, decoded.sample.label)
        panel = Panel(title, decoded.image, (decoded.sample.relative,), main=number == 0)
        yield _as_used(run, panel, uses.get((number, 0)))


def _as_used(run: Run, panel: Panel, use: _Use | None) -> Panel:
    """A panel's picture as the next step uses it, with what that takes from it."""
    if use is None:
        return panel
    shape = panel.image.shape[:2]
    taken = () if use.taken is None else (use.taken,)
    if shape == use.canvas:
        return replace(panel, boxes=(*panel.boxes, *taken))
    fitted = Fitted(panel.image, use.canvas, run.job.fit)
    return replace(
        panel,
        image=fitted.pixels(),
        notes=(*panel.notes, explain_fit((shape[0], shape[1]), use.canvas, run.job.fit)),
        boxes=(*map(fitted.placement.box_on_canvas, panel.boxes), *taken),
    )


def _taken(record: Record, canvas: Shape) -> Mapping[int, Box]:
    """From which box of which input, on the canvas, a step took pixels; an input of which all
    pixels may have gone in is not named."""
    params = record["params"]
    if record["recipe"] == "ricap":  # its quadrants
        boxes = quadrants(params["boundary"], canvas)
        corners = zip(params["crops"], boxes, strict=True)
        crops = (Box(y, x, y + box.height, x + box.width) for (y, x), box in corners)
        return {number: crop for number, crop in enumerate(crops) if crop.area > 0}
    box = params.get("taken") or params.get("box")
    return {1: box} if isinstance(box, Box) else {}


def _who(output: Output, number: int) -> str:
    """What a source image is to an output."""
    if number == 0:
        return "target"
    return "partner" if len(output.used) == 2 else f"partner {number}"


def _result_panel(run: Run, output: Output, several: bool, labelled: bool) -> Panel:
    """An output, one of several views or not, with its label or without."""
    image = output.picture.image
    label = label_lines(run.listing, output.label) if labelled else []
    notes = (f"{image.shape[1]} x {image.shape[0]}", *label, *explain_output(run, output))
    title = output.view if several else "result"
    return Panel(
        title, image, notes, output.picture.boxes, main=not several or output.view != "orig"
    )


def explain_output(run: Run, output: Output) -> list[str]:
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


def _step_panels(
    run: Run, made: Outputs, output: Output
) -> tuple[list[Panel], Mapping[_Key, _Use]]:
    """For each step of an output, in the order in which they were applied: the maps that it looked
    at, and what it made, unless that is the output itself; and how the steps use which picture."""
    last = output.picture.record
    seen: list[tuple[_Key | None, Panel]] = []
    uses: dict[_Key, _Use] = {}
    if last is None:
        return [], uses

    def observe(record: Record, step: Step, inputs: Sequence[Picture], picture: Picture) -> None:
        canvas = inputs[0].image.shape[0], inputs[0].image.shape[1]
        taken = _taken(record, canvas)
        for number, one in enumerate(inputs):
            if number == 0 or one is not inputs[0]:  # else nothing of it went in
                uses[_key(one)] = _Use(canvas, taken.get(number))
        if len(seen) > MOST_PANELS:  # no more than these are shown
            return
        whose = _who(output, inputs[0].sources[0])
        seen.extend((None, panel) for panel in _map_panels(run, output, record, step, inputs))
        if record is not last:
            title = f"step {record['step'] + 1} of {whose}"
            notes = _explain(run, record, picture.image.shape)
            panel = Panel(title, picture.image, tuple(notes), picture.boxes)
            seen.append((_key(picture), panel))

    made.replay(output, observe)
    panels = [_as_used(run, panel, uses.get(key) if key else None) for key, panel in seen]
    return panels, uses


def _key(picture: Picture) -> _Key:
    record = picture.record
    return picture.sources[0], 0 if record is None else record.get("step", 0) + 1


def _map_panels(
    run: Run, output: Output, record: Record, step: Step, inputs: Sequence[Picture]
) -> Iterator[Panel]:
    """Maps over the images that they belong to, as these lie on the target's canvas, with the boxes
    that were chosen by them."""
    recipe = step.recipes[record.get("choice", 0)]
    prefix = f"step {record['step'] + 1}: " if len(run.job.pipeline.steps) > 1 else ""
    if step.keep is not None:
        kept = record["keep"]
        total = float(inputs[0].detect(step.keep.saliency_spec).sum(dtype=np.float64))
        notes = [explain_keep(kept, total), str(step.keep.saliency_spec)]
        panel = _map_panel(run, output, inputs, 0, step.keep.saliency_spec, notes)
        boxes = () if kept["box"] is None else (kept["box"],)
        yield replace(panel, title=prefix + panel.title, boxes=boxes)
    looks_at = recipe.looks_at()
    params = TypeAdapter(recipe.params_type).validate_python(record["params"])
    for number, mark in recipe.marks(params).items():
        if number == 0 and step.keep is not None:
            continue  # it was shown with what was kept
        if number > 0 and inputs[number] is inputs[0]:
            continue  # nothing of the partner went in, and the target stands in its place
        spec = looks_at[number]
        notes = [f"{spec}: flat, drawn at random" if mark.flat else str(spec)]
        if recipe.drawn_per_batch():
            notes.append("the peak is that of the batch's first image")
        panel = _map_panel(run, output, inputs, number, spec, notes)
        boxes = () if mark.box is None else (mark.box,)
        yield replace(panel, title=prefix + panel.title, boxes=boxes, mark=mark.pixel)


def _map_panel(
    run: Run,
    output: Output,
    inputs: Sequence[Picture],
    number: int,
    spec: SaliencySpec,
    notes: Sequence[str],
) -> Panel:
    """The saliency of one of the inputs of a step."""
    height, width = inputs[0].image.shape[:2]
    picture = inputs[number]
    image, saliency_map = (
        Fitted(array, (height, width), run.job.fit).pixels()
        for array in (picture.image, picture.detect(spec))
    )
    title = f"{_who(output, picture.sources[0])}'s saliency"
    return Panel(title, overlay(image, saliency_map), tuple(notes))
