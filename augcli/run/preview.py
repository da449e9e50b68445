"""A contact sheet of the first outputs of a run: the pixels that the run itself would write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from augcli.choices import Format
from augcli.errors import UnreadableImage, UserError
from augcli.image.box import Box
from augcli.image.codec import largest_side
from augcli.image.fit import Fitted, Pixels
from augcli.image.sheet import Line, Panel, draw_grid, draw_sheet, most_lines, most_sections
from augcli.recipes.recipe import Detection
from augcli.run.images import Images
from augcli.run.outputs import Output, Outputs
from augcli.run.plan import Run
from augcli.saliency.overlay import overlay
from augcli.text import count_text, first_reasons

_NAMED_CLASSES = 5
_PANELS_A_VIEW = 3  # at most: the maps of what is kept and of what is moved, and the result


def most_examples(runs: Sequence[Run], side: int) -> int:
    """How many examples fit into a sheet of `side` pixels for certain: of one run as `preview`
    draws it, of several as `preview_recipes` does."""
    if len(runs) > 1:
        return most_sections(1 + len(runs), side)
    pipeline = runs[0].pipeline
    return most_lines(pipeline.sources + _PANELS_A_VIEW * len(pipeline.views), side)


def preview(run: Run, examples: int, side: int = largest_side(Format.png)) -> Pixels:
    """The sheet (uint8 RGB, at most `side` pixels a side) of the first `examples` targets in plan
    order, one line each.

    Raises UserError where no image can be read.
    """
    images = Images(run)
    lines = [_line(run, images, outputs) for outputs in _first(run, images, examples)]
    if not lines:
        raise _unreadable(run, images)
    size = "" if run.size is None else f", {run.size[0]} x {run.size[1]}"
    heading = f"{run.pipeline.name}, seed {run.seed}{size}: {count_text(len(run.listing), 'image')}"
    return draw_sheet(heading, lines, side)


def preview_recipes(
    runs: Sequence[Run], examples: int, side: int = largest_side(Format.png)
) -> Pixels:
    """A sheet, of at most `side` pixels a side, of what several runs over one source make of the
    same targets.

    Each section begins with the target, and shows one output a run. Raises UserError where no image
    can be read.
    """
    images = Images(runs[0])
    by_run = [list(_first(runs[0], images, examples))]
    by_run += [list(_first(run, Images(run), examples)) for run in runs[1:]]
    sections = []
    for of_target in zip(*by_run, strict=True):
        target = of_target[0][0].used[0]
        panels = [Panel(target.class_name, target.sample.relative, target.image)]
        for run, outputs in zip(runs, of_target, strict=True):
            output = outputs[-1]
            panels.append(Panel(run.pipeline.name, _label_line(run, output), output.picture.image))
        sections.append(panels)
    if not sections:
        raise _unreadable(runs[0], images)
    return draw_grid(f"all recipes, seed {runs[0].seed}", sections, side)


def _unreadable(run: Run, images: Images) -> UserError:
    """What to say where nothing can be shown, for the images that were looked at."""
    listing, reasons = run.listing, images.unreadable
    first = first_reasons((listing.sample(index).relative, reasons[index]) for index in reasons)
    if len(reasons) == len(listing):
        return UserError(f"No image of SOURCE can be read: {first}.")
    count = f"{len(reasons)} of {count_text(len(listing), 'image')}"
    return UserError(f"Too few images of SOURCE can be read; {count} cannot: {first}.")


def _label_line(run: Run, output: Output) -> str:
    ranked = sorted(
        zip(output.label.ids, output.label.weights, strict=True), key=lambda pair: -pair[1]
    )
    return ", ".join(f"{run.listing.classes[i]} {weight:.2f}" for i, weight in ranked)


def _first(run: Run, images: Images, examples: int) -> Iterator[list[Output]]:
    found = 0
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)
        made = Outputs(run, images, block)
        for place in range(shard.start, shard.stop):
            if found == examples:
                return
            if 0 not in run.plan.numbers(shard.block, block[place]):
                continue
            try:
                outputs = made.of(place, 0)
            except UnreadableImage:
                continue
            found += 1
            yield outputs


def _line(run: Run, images: Images, outputs: list[Output]) -> Line:
    widest = max(outputs, key=lambda output: len(output.used))
    panels = [*_source_panels(run, widest)]
    for output in outputs:
        for panel in _saliency_panels(run, images, output):
            title = panel.title if len(outputs) == 1 else f"{output.view}: {panel.title}"
            panels.append(replace(panel, title=title))
    for output in outputs:
        image = output.picture.image
        size = f"{image.shape[1]} x {image.shape[0]}"
        title = "result" if len(outputs) == 1 else output.view
        panels.append(Panel(title, size, image, output.picture.boxes))
    ranked = sorted(
        zip(widest.label.ids, widest.label.weights, strict=True), key=lambda pair: -pair[1]
    )
    label = [(run.listing.classes[i], weight) for i, weight in ranked[:_NAMED_CLASSES]]
    text = [f"lam {widest.picture.shares[0]:.4f}", widest.output_id]
    if len(ranked) > _NAMED_CLASSES:
        rest = sum(weight for _, weight in ranked[_NAMED_CLASSES:])
        text.insert(0, f"{count_text(len(ranked) - _NAMED_CLASSES, 'more class')}: {rest:.3f}")
    return Line(panels, label, text)


def _source_panels(run: Run, output: Output) -> Iterator[Panel]:
    for number, decoded in enumerate(output.used):
        title = "target" if number == 0 else "partner"
        class_name = run.listing.classes[decoded.sample.label.dominant]
        yield Panel(f"{title}: {class_name}", decoded.sample.relative, decoded.image)


def _saliency_panels(run: Run, images: Images, output: Output) -> Iterator[Panel]:
    """Maps over the images that they belong to, as these lie on the target's canvas, with the boxes
    that were chosen by them."""
    record = output.picture.record
    if record is None or "inputs" in record:  # then the maps are those of images made on the way
        return
    step = run.pipeline.steps_for(output.used[0].class_name)[record.get("step", 0)]
    recipe = step.recipes[record.get("choice", 0)]
    if step.keep is not None:
        kept = record["keep"]
        boxes = () if kept["box"] is None else (kept["box"],)
        yield _map_panel(
            run, images, output, 0, step.keep.detection, "target's saliency", _told(kept), boxes
        )
    detection = recipe.detection()
    if detection is not None and not (step.keep is not None and recipe.looks_at == 0):
        params = record["params"]
        box = params.get("taken") or params.get("box")
        boxes = () if box is None else (box,)
        title = "partner's saliency" if recipe.looks_at else "saliency"
        note = f"{detection}: flat, drawn at random" if params.get("flat") else str(detection)
        if recipe.looks_at < len(output.used):
            panel = _map_panel(run, images, output, recipe.looks_at, detection, title, note, boxes)
            yield replace(panel, mark=params.get("centre"))


def _told(kept: Mapping[str, Any]) -> str:
    """What KeepAugment made of a map: the region's importance beside the threshold."""
    mode = kept["mode"]
    if kept["flat"]:
        return f"{mode}: the map is flat"
    if not kept["admissible"]:
        return f"{mode}: no region qualified"
    if kept["box"] is None:
        return f"{mode}: nothing to cover"
    sign = "<" if kept["score"] < kept["threshold"] else ">"
    return f"{mode}: {kept['score']:.4g} {sign} {kept['threshold']:.4g}"


def _map_panel(
    run: Run,
    images: Images,
    output: Output,
    source: int,
    detection: Detection,
    title: str,
    note: str,
    boxes: tuple[Box, ...],
) -> Panel:
    decoded = output.used[source]
    height, width = output.used[0].image.shape[:2]
    image, saliency_map = (
        Fitted(array, (height, width), run.fit).pixels()
        for array in (decoded.image, images.saliency(decoded, detection))
    )
    return Panel(title, note, overlay(image, saliency_map), boxes)
