"""Saliency maps from an ONNX classifier: where the evidence for an image's label lies.

What the maps depend on is a `ClassifierSpec`, which `build_spec` checks before any work. On the CPU
each process runs the model itself, one image at a time, so that a map's bits depend on nothing but
the image, its label and the specification. On CUDA the images of several workers go through one
process, in batches of one size.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import onnx
import PIL

from augcli.arrays.types import Float32, UInt8
from augcli.autodiff.child import in_child
from augcli.classifier.cache import BOUND, Levels, content_key, open_cache, require_writable
from augcli.classifier.graphs import (
    METHODS,
    Declared,
    SaliencyGraph,
    declared,
    model_digest,
    saliency_graph,
)
from augcli.classifier.preprocess import low_resolution, on_image, resized
from augcli.classifier.runner import Runner, runner_of
from augcli.classifier.server import ask
from augcli.classifier.sessions import resolve_device
from augcli.classifier.settings import ModelSettings, preprocessing_of, settings_of
from augcli.classifier.spec import ClassifierSpec
from augcli.errors import UserError
from augcli.ort import onnxruntime
from augcli.text import count_text, did_you_mean
from augcli.text_files import LARGEST_LIST, read_text

_NOTHING_SAID = ModelSettings()
_VERSION = 1  # of what a map is

Label = tuple[Sequence[int], Sequence[float]]  # class ids of the data set, and their weights


def build_spec(
    model: Path,
    classes: Sequence[str],
    detections: Iterable[tuple[str, int | None]],
    *,
    options: ModelSettings = _NOTHING_SAID,
    class_list: Path | None = None,
    predicted: bool = False,
    device: Literal["auto", "cuda", "cpu"] = "auto",
    cache: Path | None = None,
    cache_size: int = BOUND,
    warn: Callable[[str], None] = lambda _: None,
) -> ClassifierSpec:
    """Check everything that maps need, and make the graphs for `detections`.

    classes: the data set's, in the order of its ids. detections: the methods that will be asked
    for, at least one, each with the shorter side of its input or None. options beat what stands
    beside the model and in it. class_list: a file that names the model's outputs, one a line.
    predicted: ask for the classifier's own prediction, not for the label. cache: a folder of at
    most `cache_size` bytes, which is looked at once here; 0 is none. warn is called where
    `device` "auto" means the CPU, and where the maps of all images will be flat.

    Raises UserError for whatever does not fit.
    """
    wanted = list(detections)
    for method, _ in wanted:
        if method not in METHODS:
            raise UserError(f"A classifier has no saliency '{method}'; choose {_listed(METHODS)}.")
    kept = None if cache is None else open_cache(str(cache), cache_size)
    if cache is not None and kept is not None:
        require_writable(cache)
        kept.shrink()
    said, digest = in_child(_described, model)
    settings = options.over(settings_of(model, said.metadata))
    spec = ClassifierSpec(
        model=str(model.resolve()),
        digest=digest,
        preprocessing=preprocessing_of(settings, model, declared=said.size, raw=said.raw),
        outputs=0,
        class_map=None if predicted else (),
        head=settings.head,
        layer=settings.layer,
        cache=None if kept is None else str(cache),
        cache_size=cache_size,
    )
    graphs, flat = in_child(_graphs, model, spec, wanted)
    if flat:
        warn(
            f"the maps of all images are flat: the {_listed(flat)} of {model} is not a number;"
            " regions are drawn as without saliency"
        )
    spec = replace(spec, outputs=graphs[0].classes)
    if not predicted:
        names = settings.classes if class_list is None else read_class_list(class_list)
        where = f"the class list of {model}" if class_list is None else f"--class-list {class_list}"
        spec = replace(spec, class_map=map_classes(classes, spec.outputs, names, where))
    spec = replace(spec, device=resolve_device(device, [graph.data for graph in graphs], warn))
    if spec.device == "cpu":  # so that processes that fork share what is loaded
        for (method, size), graph in zip(wanted, graphs, strict=True):
            runner_of(spec, method, size, graph)
    return spec


def map_classes(
    classes: Sequence[str], outputs: int, names: Sequence[str] | None, where: str
) -> tuple[int, ...]:
    """The output that stands for each class: by name where outputs have `names`, else by order.

    One output serves two classes: it stands for the second, and its negative, -1, for the first.
    `where` says where the names stand. Raises UserError where a class has no output of its own.
    """
    if outputs == 1 and len(names or classes) == 2:
        return tuple(place - 1 for place in map_classes(classes, 2, names, where))
    if names is None:
        if len(classes) == outputs:
            return tuple(range(outputs))
        raise UserError(
            f"The data set has {count_text(len(classes), 'class')} and the classifier"
            f" {count_text(outputs, 'output')}; say"
            " which is which with --class-list FILE (a name for each output, one a line), or give"
            " --target predicted."
        )
    if len(names) != outputs:
        raise UserError(
            f"There {'is' if len(names) == 1 else 'are'} {count_text(len(names), 'name')} in"
            f" {where}, but {count_text(outputs, 'output')} of the classifier; name each output"
            " once, in order."
        )
    often = Counter(names)
    for name in classes:
        if (count := often[name]) != 1:
            hint = did_you_mean(name, names) if count == 0 else ""
            stands = "is not" if count == 0 else f"stands {count} times"
            raise UserError(
                f"Class '{name}' of the data set {stands} in {where}{hint}; correct the list, or"
                " give --target predicted."
            )
    places = {name: place for place, name in enumerate(names)}
    return tuple(places[name] for name in classes)


def images_at_once(spec: ClassifierSpec) -> int:
    """How many images are worth handing to `classifier_maps` together."""
    return 1 if spec.device == "cpu" else spec.batch


def classifier_maps(
    spec: ClassifierSpec,
    detector: str,
    images: Sequence[UInt8],
    labels: Sequence[Label],
    size: int | None = None,
    contents: Sequence[bytes] = (),
) -> list[Float32]:
    """The saliency map of each uint8 RGB image (H, W, 3), in order: float32 (H, W), not negative.

    `labels` are soft labels in class ids of the data set: the map is that of the mixture of their
    logits. `size` is the shorter side on which the model sees an image, by default its full input.

    `contents` are bytes that stand for each image's pixels in the cache, where the caller has some
    that are shorter than the pixels: the digest of a file and how it was fitted, say.

    A map is rounded to 16 bits at the model's resolution and then brought to its image's. It is
    returned as it is where it is all zero or not finite, as a dead ReLU before the logits makes it.
    On the CPU its bits do not depend on what else is asked for; on CUDA the last ones may.
    Raises UserError where the model cannot run, OSError where the process that runs it is gone.
    """
    shape = low_resolution(spec.preprocessing.size, size)
    cache = open_cache(spec.cache, spec.cache_size)
    weights = [_weights(spec, detector, label) for label in labels]
    found: list[Levels | Float32 | None] = [None] * len(images)
    keys = [""] * len(images)
    if cache is not None:
        about = _told_of_maps(spec, detector, shape)
        shown = contents or [image.tobytes() for image in images]
        for place, (image, weight) in enumerate(zip(images, weights, strict=True)):
            label = b"" if weight is None else weight.tobytes()
            keys[place] = content_key(about, label, repr(image.shape).encode(), shown[place])
            kept = cache.get(keys[place])
            found[place] = None if kept is None else Levels.from_bytes(kept)
    missing = [place for place, levels in enumerate(found) if levels is None]
    if missing:
        seen = [resized(images[place], shape) for place in missing]
        asked = [weights[place] for place in missing]
        together = None if asked[0] is None else np.stack([w for w in asked if w is not None])
        for place, raw in zip(missing, _run(spec, detector, size, seen, together), strict=True):
            if not np.isfinite(raw).all():
                found[place] = raw
                continue
            levels = found[place] = Levels.of(raw)
            if cache is not None:
                cache.put(keys[place], levels.to_bytes())
    return [
        on_image(one.values() if isinstance(one, Levels) else one, image.shape[:2])
        for one, image in zip(found, images, strict=True)
        if one is not None
    ]


@lru_cache(16)
def _told_of_maps(spec: ClassifierSpec, detector: str, shape: tuple[int, int]) -> bytes:
    """All that the maps of a classifier depend on but image and label."""
    depends = spec.identity() | {"class_map": None}  # the weights tell what that comes to
    libraries = [onnx.__version__, onnxruntime.__version__, cv2.__version__, PIL.__version__]
    return json.dumps([detector, shape, spec.device, depends, _VERSION, libraries]).encode()


def _run(
    spec: ClassifierSpec,
    detector: str,
    size: int | None,
    images: Sequence[UInt8],
    weights: Float32 | None,
) -> Float32:
    if spec.server is not None:
        return ask(spec.server, detector, size, images, weights)
    return runner_of(spec, detector, size).maps(images, weights)


def _weights(spec: ClassifierSpec, detector: str, label: Label) -> Float32 | None:
    """The weight of each logit; None where the method or the target asks for no label."""
    if spec.class_map is None or not METHODS[detector].labelled:
        return None
    weights = np.zeros(spec.outputs, np.float32)
    for class_id, weight in zip(*label, strict=True):
        place = spec.class_map[class_id]
        weights[max(place, 0)] += weight if place >= 0 else -weight
    return weights


def _described(model: Path) -> tuple[Declared, str]:
    return declared(model), model_digest(model)


def _graphs(
    model: Path, spec: ClassifierSpec, wanted: Sequence[tuple[str, int | None]]
) -> tuple[list[SaliencyGraph], list[str]]:
    """The graphs, each of which has run on an image of noise, and the methods whose map of that
    holds no number at all."""
    graphs, flat = [], []
    for method, size in wanted:
        graph = _graph(model, spec, method, size)
        runner = Runner(graph, method, spec.preprocessing, "cpu", 1)
        noise = np.random.default_rng(0).integers(0, 256, (*graph.size, 3), np.uint8)
        made = runner.outputs([noise], np.ones((1, graph.classes), np.float32))
        if not all(np.isfinite(made[name]).any() for name in graph.outputs if name != "logits"):
            flat.append(method)
        graphs.append(graph)
    return graphs, list(dict.fromkeys(flat))


def _graph(model: Path, spec: ClassifierSpec, method: str, size: int | None) -> SaliencyGraph:
    return saliency_graph(
        model,
        method,
        low_resolution(spec.preprocessing.size, size),
        target=spec.target if METHODS[method].labelled else "predicted",
        head=spec.head,
        layer=spec.layer,
        cache=open_cache(spec.cache, spec.cache_size),
    )


def read_class_list(file: Path) -> list[str]:
    """The names in a file, one a line, without empty ones; raises UserError."""
    try:
        lines = read_text(file, LARGEST_LIST).split("\n")
    except OSError as error:
        raise UserError(f"--class-list {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"--class-list {file} is no text in UTF-8: {error}.") from error
    return [line.strip() for line in lines if line.strip()]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
