"""What a contact sheet says of a run and of its outputs, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from augcli.arrays.types import Shape
from augcli.data.labels import SoftLabel
from augcli.data.listing import Listing
from augcli.engine.plan import Run
from augcli.enums import Candidates, Fit, Labels, Pair
from augcli.image.fit import place
from augcli.operations.magnitudes import ENHANCEMENTS, TRANSLATIONS
from augcli.operations.table import OPERATIONS
from augcli.pipeline.keep import Keep
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.chain import Operation
from augcli.recipes.index import ENTRIES
from augcli.recipes.plugins import plugins
from augcli.text import count_text, shorten

_CLASSES = 5  # of a label, by name
NO_CLASS = "no class"
_LONGEST = 40  # of a parameter that only its package knows
_CHANNELS = ("red", "green", "blue")


def describe_run(run: Run, source: str) -> list[str]:
    """The heading of a sheet: all options that the pixels depend on, so that two sheets can be told
    apart. `source` is what `describe_source` says."""
    pipeline = run.job.pipeline
    steps = _describe_steps(pipeline.steps)
    is_file = len(pipeline.steps) > 1 or pipeline.name != pipeline.steps[0].recipe.name
    sentences = [f"{pipeline.name}: {steps}" if is_file else steps]
    sentences += [
        f"for targets of class {name}: {_describe_steps(of_class)}"
        for name, of_class in sorted(pipeline.by_class.items())
    ]
    return [*sentences, f"{source}; {describe_options(run)}"]


def describe_source(run: Run, source: str, shown: int) -> str:
    """What is shown of what: `source` is SOURCE as it was given, `shown` how many targets the sheet
    has."""
    images = count_text(len(run.listing), "image")
    classes = count_text(len(run.listing.classes), "class")
    if run.job.labels is Labels.none:
        classes = "unlabelled"
    return f"{source}: {shown} of {images}, {classes}"


def describe_options(run: Run) -> str:
    """The options around a recipe: the seed and the size always, others where they are not at their
    default."""
    size = "own size" if run.job.size is None else f"size {run.job.size[0]}x{run.job.size[1]}"
    parts = [f"seed {run.job.seed}", size]
    if run.job.fit is not Fit.cover:
        parts.append(f"fit {run.job.fit.value}")
    if run.job.pair is not Pair.any:
        parts.append(f"pair {run.job.pair.value}")
    if run.job.labels is Labels.multi:
        parts.append("multi-label")
    if run.job.pipeline.label_smoothing:
        parts.append(f"label smoothing {run.job.pipeline.label_smoothing:g}")
    if run.job.background != (255, 255, 255):
        parts.append("background #{:02x}{:02x}{:02x}".format(*run.job.background))
    if run.runtime.classifier is not None:
        model = [f"model {Path(run.runtime.classifier.model).name}"]
        model += [f"head {run.runtime.classifier.head}"] if run.runtime.classifier.head else []
        model += [f"layer {run.runtime.classifier.layer}"] if run.runtime.classifier.layer else []
        parts += model
    return ", ".join(parts)


def _describe_steps(steps: Sequence[Step]) -> str:
    described = [_describe_step(step) for step in steps]
    if len(described) == 1:
        return described[0]
    return "; ".join(f"step {number}: {text}" for number, text in enumerate(described, 1))


def _describe_step(step: Step) -> str:
    recipes = [" ".join([recipe.name, *_options(recipe)]) for recipe in step.recipes]
    if step.alternatives:
        pairs = zip(recipes, step.weights, strict=True)
        recipes = [f"{text} (weight {weight:g})" for text, weight in pairs]
    text = " or ".join(recipes)
    if step.probability < 1:
        text += f", probability {step.probability:g}"
    return text if step.keep is None else f"{text}, {describe_keep(step.keep)}"


def describe_keep(keep: Keep) -> str:
    """The options of KeepAugment."""
    options = [f"tau={keep.tau:g}", f"size={keep.size:g}"]
    if keep.candidates is not Candidates.recipe:
        options.append(f"candidates={keep.candidates}")
    return " ".join(["keep", *options, str(keep.saliency_spec)])


def _options(options: BaseModel) -> list[str]:
    """The options that are not at their default, as --set takes them."""
    fields = type(options).model_fields
    values = {name: getattr(options, name) for name in fields}
    return [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
        if value != fields[name].get_default()
    ]


def percent(share: float) -> str:
    """A share in whole per cent; what is neither nothing nor all is not called so."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"


def _percents(one: float, other: float) -> tuple[str, str]:
    """Two shares with so many digits that they differ where they differ, up to three."""
    for digits in range(4):
        texts = f"{100 * one:.{digits}f} %", f"{100 * other:.{digits}f} %"
        if texts[0] != texts[1]:
            break
    return texts


def share_text(share: float) -> str:
    """A label's share to four digits; what is neither nothing nor all is not called so."""
    if 0 < share < 0.00005:
        return "<0.0001"
    if 0.99995 <= share < 1:
        return ">0.9999"
    return f"{share:.4f}"


def with_classes_of(who: str, listing: Listing, label: SoftLabel) -> str:
    """What a picture of a source is, and what it shows: the class of greatest weight, or all where
    it may have several."""
    if listing.labels is Labels.none:
        return who
    if listing.labels is Labels.single:
        return f"{who}: {listing.classes[label.dominant]}"
    names = [name for name, _ in ranked(listing.classes, label)[0]]
    others = len(label.ids) - len(names)
    more = [count_text(others, "more class")] if others else []
    return f"{who}: {', '.join([*names, *more]) or NO_CLASS}"


def label_lines(listing: Listing, label: SoftLabel) -> list[str]:
    """The label of an output as a line, none where there are no labels."""
    if listing.labels is Labels.none:
        return []
    if listing.labels is Labels.single:
        return [label_line(listing.classes, label)]
    named, others, _ = ranked(listing.classes, label)
    more = [count_text(others, "more class")] if others else []
    return [
        ", ".join([*(f"{name} {percent(weight)}" for name, weight in named), *more]) or NO_CLASS
    ]


def label_line(classes: Sequence[str], label: SoftLabel) -> str:
    """A soft label on one line: class names and their weights, the greatest first."""
    named, others, rest = ranked(classes, label)
    parts = [f"{name} {percent(weight)}" for name, weight in named]
    if others:
        parts.append(f"{count_text(others, 'more class')} {percent(rest)}")
    return ", ".join(parts)


def ranked(classes: Sequence[str], label: SoftLabel) -> tuple[list[tuple[str, float]], int, float]:
    """The heaviest classes of a label with their weights, how many others there are, and what they
    weigh together."""
    pairs = sorted(zip(label.ids, label.weights, strict=True), key=lambda pair: -pair[1])
    named = [(classes[i], weight) for i, weight in pairs[:_CLASSES]]
    return named, len(pairs) - len(named), sum(weight for _, weight in pairs[_CLASSES:])


def explain_keep(keep_params: Mapping[str, Any], total: float) -> str:
    """What KeepAugment chose and why; `total` is the sum of the saliency map."""
    cuts = keep_params["mode"] == "cut"
    if keep_params["flat"] and keep_params["admissible"]:
        return "the map is flat: any box " + ("may be cut" if cuts else "may be put back")
    if keep_params["flat"]:
        return "the map is flat: " + ("nothing is cut" if cuts else "the first box is put back")
    if keep_params["box"] is None and keep_params["admissible"]:
        return "nothing to cut: the recipe leaves the image alone"
    score, limit = (
        value / total if total > 0 else 0.0
        for value in (keep_params["score"], keep_params["threshold"])
    )
    if not keep_params["admissible"]:
        if cuts:
            return f"no box holds less than {percent(limit)} of the saliency: nothing is cut"
        most = f"no box holds more than {percent(limit)} of the saliency"
        return f"{most}: the one that holds most is put back"
    held, most = _percents(score, limit)
    word = "cut" if cuts else "put back"
    return f"{word}: the box holds {held} of the saliency, limit {most}"


def explain_fit(shape: Shape, canvas: Shape, fit: Fit) -> str:
    """How an image of `shape` (rows, columns) lies on a canvas of another shape."""
    size = f"{shape[1]} x {shape[0]}"
    visible, canvas_box = place(shape, canvas, fit)
    if (visible.height, visible.width) != shape:
        return f"middle {visible.width} x {visible.height} of {size}"
    if (canvas_box.height, canvas_box.width) != canvas:
        return f"{size}, padded"
    same_form = shape[0] * canvas[1] == shape[1] * canvas[0]
    return f"{size}, {'stretched' if fit is Fit.stretch and not same_form else 'resized'}"


def explain_draw(recipe: str, params: Mapping[str, Any], shape: tuple[int, int]) -> list[str]:
    """What a recipe drew for an image of `shape` (rows, columns), by its name and its parameters:
    operations with their magnitudes, boxes, numbers."""
    if (
        recipe not in ENTRIES and recipe in plugins()
    ):  # of another package, whose parameters may be anything
        return [f"{name} {shorten(str(value), _LONGEST)}" for name, value in params.items()]
    sentences: list[str] = []
    for name, value in params.items():
        sentences += _explain(recipe, name, value, params, shape)
    return sentences


def _explain(
    recipe: str, name: str, value: Any, params: Mapping[str, Any], shape: tuple[int, int]
) -> Iterator[str]:
    if name == "operations":
        yield _operations(recipe, value) or "no operation was drawn"
    elif name == "chains":
        yield f"the mix of {count_text(len(value), 'chain')} weighs {percent(params['m'])}:"
        for weight, chain in zip(params["weights"], value, strict=True):
            yield f"{percent(weight)}: {_operations(recipe, chain)}"
    elif name == "adjustments":
        yield ", ".join(f"{adjustment} {_number(factor)}" for adjustment, factor in value)
    elif name == "box":
        yield _box(value, shape)
    elif name == "hidden" and value is not None:
        inside = "as allowed" if params["protected"] else "more than allowed"
        yield f"the box hides {100 * value:.1f} % of the target's salient region, {inside}"
    elif name == "dropped":
        channels = [channel for channel, drops in zip(_CHANNELS, value, strict=True) if drops]
        yield f"without {' and '.join(channels)}" if channels else "no channel was dropped"
    elif name == "boundary":
        yield f"the quadrants meet at row {value[0]}, column {value[1]}"
    elif name == "corruption":
        yield f"{value}, severity {params['severity']}, variant {params['variant']}"
    elif name == "drawn" and "angle" in value:
        yield f"at {_number(value['angle'])}°"
    elif name == "lam" and value is not None:
        # FMix cuts whole pixels, so that the label's lam is near to this one.
        yield f"{'drawn ' if recipe == 'fmix' else ''}lam {share_text(value)}"
    elif name in ("rate", "alpha", "sigma") and value is not None:
        yield f"{name} {_number(value)}"


def _box(box: Any, shape: tuple[int, int]) -> str:
    if box is None:
        return "no box was drawn"
    top, left, bottom, right = box
    share = (bottom - top) * (right - left) / (shape[0] * shape[1])
    if share == 0:
        return "the box has no pixels"
    return f"box {right - left} x {bottom - top}, {percent(share)} of the area"


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    value += 0.0  # of -0.0 that makes 0.0
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _operations(recipe: str, operations: Sequence[Operation]) -> str:
    return ", ".join(describe_operation(recipe, operation) for operation in operations)


def describe_operation(recipe: str, operation: Operation) -> str:
    """An operation and its magnitude in its unit, as this recipe means it."""
    name, argument = operation.name, operation.argument
    if not OPERATIONS[name].magnitude:
        return name
    if name == "Cutout":
        # RandAugment's argument is half a side in pixels; others give a share of the width.
        if recipe == "randaugment":
            return f"Cutout {2 * int(argument)} px"
        return f"Cutout {percent(argument)} of the width"
    if name == "Rotate":
        return f"Rotate {_number(argument)}°"
    if name in TRANSLATIONS:
        return f"{name} {_number(argument)} px"
    if name == "Posterize":
        return f"Posterize to {count_text(int(argument), 'bit')}"
    if name == "Solarize":
        return f"Solarize from {argument:.0f}"
    if name in ENHANCEMENTS:
        return f"{name} × {_number(argument)}"
    return f"{name} {_number(argument)}"


def explain_skipped(pipeline: Pipeline, class_name: str, applied: set[int]) -> list[str]:
    """The steps that were not drawn for a target of this class; `applied` are the numbers of those
    that were."""
    sentences = []
    for number, step in enumerate(pipeline.steps_for(class_name)):
        if number in applied:
            continue
        which = " or ".join(recipe.name for recipe in step.recipes)
        which = which if len(pipeline.steps) == 1 else f"step {number + 1}, {which},"
        sentences.append(f"{which} was not drawn (probability {step.probability:g})")
    return sentences
