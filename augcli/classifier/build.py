"""Builds the specification of a classifier: everything that its saliency maps need is checked, and
their graphs are made, before any work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from augcli.autodiff.child import in_child
from augcli.classifier.cache import BOUND, open_cache, require_writable
from augcli.classifier.graphs import (
    METHODS,
    Declared,
    SaliencyGraph,
    declared,
    model_digest,
    saliency_graph,
)
from augcli.classifier.preprocess import low_resolution
from augcli.classifier.runner import Runner, runner_of
from augcli.classifier.sessions import resolve_device
from augcli.classifier.settings import ModelSettings, preprocessing_of, settings_of
from augcli.classifier.spec import ClassifierSpec
from augcli.errors import UserError
from augcli.text import count_text, did_you_mean, listed
from augcli.text_files import LARGEST_LIST, read_text

_NOTHING_SAID = ModelSettings()


def build_spec(
    model: Path,
    classes: Sequence[str],
    saliency_specs: Iterable[tuple[str, int | None]],
    *,
    options: ModelSettings = _NOTHING_SAID,
    class_list: Path | None = None,
    predicted: bool = False,
    device: Literal["auto", "cuda", "cpu"] = "auto",
    cache: Path | None = None,
    cache_size: int = BOUND,
    warn: Callable[[str], None] = lambda _: None,
) -> ClassifierSpec:
    """Check everything that maps need, and make the graphs for `saliency_specs`.

    classes: the data set's, in the order of its ids. saliency_specs: the methods that will be
    used, at least one, each with the shorter side of its input or None. options go before those
    beside the model and in it. class_list: a file that names the model's outputs, one a line.
    predicted: use the classifier's own prediction, not the label. cache: a folder of at
    most `cache_size` bytes, which is looked at once here; 0 is none. warn is called where
    `device` "auto" means the CPU, and where the maps of all images will be flat.

    Raises UserError for whatever does not fit.
    """
    maps = list(saliency_specs)
    for method, _ in maps:
        if method not in METHODS:
            raise UserError(f"A classifier has no saliency '{method}'; choose {listed(METHODS)}.")
    cache_store = None if cache is None else open_cache(str(cache), cache_size)
    if cache is not None and cache_store is not None:
        require_writable(cache)
        cache_store.shrink()
    declaration, digest = in_child(_describe, model)
    settings = options.over(settings_of(model, declaration.metadata))
    spec = ClassifierSpec(
        model=str(model.resolve()),
        digest=digest,
        preprocessing=preprocessing_of(
            settings, model, declared=declaration.size, raw=declaration.raw
        ),
        outputs=0,
        class_map=None if predicted else (),
        head=settings.head,
        layer=settings.layer,
        cache=None if cache_store is None else str(cache),
        cache_size=cache_size,
    )
    graphs, flat = in_child(_graphs, model, spec, maps)
    if flat:
        warn(
            f"the maps of all images are flat: the {listed(flat, 'and')} of {model} is not a"
            " number; regions are drawn as without saliency"
        )
    spec = replace(spec, outputs=graphs[0].classes)
    if not predicted:
        names = settings.classes if class_list is None else read_class_list(class_list)
        where = f"the class list of {model}" if class_list is None else f"--class-list {class_list}"
        spec = replace(spec, class_map=map_classes(classes, spec.outputs, names, where))
    spec = replace(spec, device=resolve_device(device, [graph.data for graph in graphs], warn))
    if spec.device == "cpu":  # so that processes that fork share what is loaded
        for (method, size), graph in zip(maps, graphs, strict=True):
            runner_of(spec, method, size, graph)
    return spec


def map_classes(
    classes: Sequence[str], outputs: int, names: Sequence[str] | None, where: str
) -> tuple[int, ...]:
    """The output of each class: by name where outputs have `names`, else by order.

    One output serves two classes: it is the second's, and its negative, -1, the first's. `where`
    says where the names are from. Raises UserError where a class has no output of its own.
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
            occurs = "is not" if count == 0 else f"occurs {count} times"
            raise UserError(
                f"Class '{name}' of the data set {occurs} in {where}{hint}; correct the list, or"
                " give --target predicted."
            )
    places = {name: place for place, name in enumerate(names)}
    return tuple(places[name] for name in classes)


def _describe(model: Path) -> tuple[Declared, str]:
    return declared(model), model_digest(model)


def _graphs(
    model: Path, spec: ClassifierSpec, maps: Sequence[tuple[str, int | None]]
) -> tuple[list[SaliencyGraph], list[str]]:
    """The graphs, each of which has run on an image of noise, and the methods whose map of it has
    no finite value."""
    graphs, flat = [], []
    for method, size in maps:
        graph = _graph(model, spec, method, size)
        runner = Runner(graph, method, spec.preprocessing, "cpu", 1)
        noise = np.random.default_rng(0).integers(0, 256, (*graph.size, 3), np.uint8)
        outputs = runner.outputs([noise], np.ones((1, graph.classes), np.float32))
        if not all(np.isfinite(outputs[name]).any() for name in graph.outputs if name != "logits"):
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
