"""`augcli.load_recipe`: a recipe for arrays, as in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.api.arrays import checked_images, checked_labels, partner_order
from augcli.api.keywords import FilePath
from augcli.api.values import (
    chosen,
    python_sentences,
    read_number,
    refuse_without_effect,
    types_of,
    warner,
)
from augcli.arrays.seeds import generator
from augcli.arrays.types import Pixels, SaliencyMap
from augcli.data.labels import SoftLabel, dense
from augcli.declared import what_is_unlike
from augcli.engine.maps import find_maps
from augcli.engine.outputs import ORIGINAL, execution_over, mixed_label, saliency_method
from augcli.enums import Fit, Labels
from augcli.errors import UserError
from augcli.files import parse_json
from augcli.manifest.row import to_text
from augcli.pipeline.per_batch import Batch
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline
from augcli.recipes.catalogue import recipe_class
from augcli.recipes.names import is_file_name, recipe_of
from augcli.recipes.recipe import SaliencySpec
from augcli.tasks.classifier_choice import InputChoice, ModelChoice, check_model, read_classifier
from augcli.tasks.recipe_choice import RecipeChoice, build_pipeline
from augcli.text import did_you_mean, shorten

if TYPE_CHECKING:
    from augcli.classifier.spec import ClassifierSpec

_IN_ITS_PLACE = ("recipe", "recipe_file", "set")
_AROUND = tuple(one.name for one in fields(RecipeChoice) if one.name not in _IN_ITS_PLACE)


@dataclass(frozen=True)
class _FitChoice:
    fit: Fit = Fit.cover


class AugmentedArrays(NamedTuple):
    """What a recipe made of a batch, view by view of one image after the other.

    `images` are uint8 RGB, (n, H, W, 3) where they came so, else a list of (H, W, 3); `labels` are
    dense, float32 (n, classes). `params` has a dictionary for each, with what a row of a manifest
    says: `view`, `sources` (places in the batch, the target first), `lam`, `boxes`, `params` and
    `saliency_method`.
    """

    images: list[Pixels] | Pixels
    labels: npt.NDArray[np.float32]
    params: list[dict[str, Any]]


class ArrayRecipe:
    """A recipe with its options, to be called with arrays; `load_recipe` makes it."""

    def __init__(
        self, pipeline: Pipeline, fit: Fit, model: ModelChoice, pixels: InputChoice
    ) -> None:
        self._pipeline, self._fit = pipeline, fit
        self._model, self._pixels = model, pixels
        self._classifiers: dict[tuple[str, ...], ClassifierSpec | None] = {}

    def __repr__(self) -> str:
        return f"<augcli recipe {self.name}, digest {self._pipeline.digest()}>"

    @property
    def name(self) -> str:
        """The name of the recipe, or of its file."""
        return self._pipeline.name

    @property
    def views(self) -> tuple[str, ...]:
        """The views that are made of each image, in their order: AugMix with views=2 makes three,
        of which the first, "orig", is the image itself."""
        return self._pipeline.views

    @property
    def sources(self) -> int:
        """How many images an output may be mixed of."""
        return self._pipeline.sources

    @property
    def pipeline(self) -> Pipeline:
        """Its steps."""
        return self._pipeline

    def __call__(
        self,
        images: Sequence[Pixels] | Pixels,
        labels: Sequence[int] | npt.ArrayLike,
        *,
        seed: int = 0,
        n_classes: int | None = None,
        classes: Sequence[str] | None = None,
        multi_label: bool = False,
    ) -> AugmentedArrays:
        """Augment each image of a batch; partners come from the batch.

        `images` are uint8 RGB (H, W, 3), of any sizes. `labels` are class ids, with `n_classes` or
        the names of the `classes`, or weights (n, classes), which sum to 1 unless `multi_label`.
        The same seed, images and labels give the same outputs. Raises `augcli.UserError` where
        these do not fit the recipe.
        """
        with python_sentences(types_of(ModelChoice, InputChoice)):
            seed = int(read_number("seed", seed))
            pictures = checked_images(images)
            soft, count = checked_labels(labels, len(pictures), n_classes, classes, multi_label)
            self._check(len(pictures), classes, multi_label)
            names = tuple(map(str, range(count))) if classes is None else tuple(classes)
            made = _Batch(self, pictures, soft, names, self._classifier(names), seed)
            kind = Labels.multi if multi_label else Labels.single
            outputs = [made.output(at, view) for at in range(len(pictures)) for view in self.views]
            dense_labels = [made.label(at, picture, view, kind) for at, view, picture in outputs]
            params = [self._params_of(made, *output) for output in outputs]
        results = [np.array(picture.image) for _, _, picture in outputs]
        stacked = isinstance(images, np.ndarray) and len(results) > 0
        return AugmentedArrays(
            np.stack(results) if stacked else results,
            np.array(dense_labels, np.float32).reshape(len(results), count),
            params,
        )

    def apply(
        self, images: Sequence[Pixels], params: str | Mapping[str, Any] | None, class_name: str = ""
    ) -> Pixels:
        """The pixels that these parameters, as a row of a manifest or a call has them, make of
        their source images: uint8 RGB (H, W, 3), the target first. Nothing is drawn.

        `class_name` is the target's, for a recipe file that changes options by class. Raises
        `augcli.UserError` where parameters and images do not fit the recipe.
        """
        pictures = [
            Picture(image, {at: 1.0}, _look_at_nothing, class_name)
            for at, image in enumerate(checked_images(images))
        ]
        try:
            values = parse_json(params) if isinstance(params, str) else params
            record = self._pipeline.full_record(values)
            execution = execution_over(self._pipeline, self._fit, None, _no_label)
            every = len(pictures) == execution.sources_of(record)
            return np.array(execution.replay(record, iter(pictures), every=every).image)
        except (ValueError, KeyError, IndexError, TypeError, StopIteration, RuntimeError) as error:
            raise UserError(
                f"These parameters do not fit recipe {self.name} and {len(pictures)} images:"
                f" {what_is_unlike(error)}."
            ) from error

    def _check(self, count: int, classes: Sequence[str] | None, multi_label: bool) -> None:
        pipeline = self._pipeline
        if count < pipeline.sources:
            raise UserError(
                f"Recipe {self.name} mixes {pipeline.sources} images, and the batch has {count};"
                " give more, or choose a recipe for single images."
            )
        for name in pipeline.by_class:
            if classes is None or name not in classes:
                raise UserError(
                    f"The recipe file changes options for class '{shorten(name)}', which classes"
                    " does not name; give the names of all classes."
                )
        if multi_label and (pipeline.by_class or pipeline.label_smoothing):
            raise UserError(
                "With multi_label=True an image may have several classes, or none: the recipe's"
                " label smoothing and options by class have no meaning there; leave them out."
            )

    def _classifier(self, classes: tuple[str, ...]) -> ClassifierSpec | None:
        if classes not in self._classifiers:
            specs, model = self._pipeline.saliency_specs, self._model
            warn = warner(types_of(ModelChoice, InputChoice), [])
            self._classifiers[classes] = read_classifier(
                specs, classes, model, self._pixels, warn, None
            )
        return self._classifiers[classes]

    def _params_of(self, made: _Batch, at: int, view: str, picture: Picture) -> dict[str, Any]:
        record = None if view == ORIGINAL else self._pipeline.row_record(picture.record)
        return {
            "view": view,
            "sources": [made.index_of(at, slot) for slot in picture.shares],
            "lam": picture.shares[0],
            "boxes": [list(box) for box in picture.boxes],
            "params": parse_json(to_text(record)),
            "saliency_method": saliency_method(self._pipeline, picture),
        }


class _Batch:
    """A batch that is being augmented: its images with their labels, the saliency that was looked
    for, and who is whose partner."""

    def __init__(
        self,
        recipe: ArrayRecipe,
        images: Sequence[Pixels],
        labels: Sequence[SoftLabel],
        classes: tuple[str, ...],
        classifier: ClassifierSpec | None,
        seed: int,
    ) -> None:
        self._pipeline, self._fit = recipe.pipeline, recipe._fit
        self._images, self._labels, self._classes = images, labels, classes
        self._classifier, self._seed = classifier, seed
        self._digest = recipe.pipeline.digest()
        self._order, self._place = partner_order(len(images), seed, self._digest)
        self._maps: dict[tuple[int, SaliencySpec], SaliencyMap] = {}

    def index_of(self, target: int, slot: int) -> int:
        """The place in the batch of source number `slot` of an output, 0 for its target."""
        return int(self._order[(self._place[target] + slot) % len(self._images)])

    def output(self, target: int, view: str) -> tuple[int, str, Picture]:
        """A view of an image, with both."""
        if view == ORIGINAL:
            return target, view, self._picture(target, 0)
        execution = execution_over(
            self._pipeline,
            self._fit,
            self._classifier,
            lambda slot: self._labels[self.index_of(target, slot)],
        )
        rng = generator(self._seed, self._digest, "arrays", target, view)
        batch = Batch(
            lambda step: generator(self._seed, self._digest, "batch", 0, 0, step),
            lambda: self._picture(0, 0),
        )
        return target, view, execution.execute(rng, lambda s: self._picture(target, s), batch)

    def label(self, target: int, picture: Picture, view: str, kind: Labels) -> list[float]:
        """The dense label of an output."""
        labels = [self._labels[self.index_of(target, slot)] for slot in picture.shares]
        smoothing = 0.0 if view == ORIGINAL else self._pipeline.label_smoothing
        count = len(self._classes)
        return dense(mixed_label(labels, picture.shares.values(), kind, smoothing, count), count)

    def _picture(self, target: int, slot: int) -> Picture:
        at = self.index_of(target, slot)
        label = self._labels[at]
        class_name = self._classes[label.dominant] if label.ids else ""
        return Picture(self._images[at], {slot: 1.0}, self._detect(at), class_name)

    def _detect(self, at: int) -> Callable[[SaliencySpec], SaliencyMap]:
        def detect(spec: SaliencySpec) -> SaliencyMap:
            if (at, spec) not in self._maps:
                image, label = self._images[at], self._labels[at]
                self._maps[at, spec] = find_maps(self._classifier, [image], [label], spec)[0]
            return self._maps[at, spec]

        return detect


def _look_at_nothing(spec: SaliencySpec) -> SaliencyMap:
    raise TypeError(f"what was drawn needs no saliency, not {spec}")


def _no_label(slot: int) -> SoftLabel:
    raise TypeError(f"what was drawn needs no label, not that of source {slot}")


def load_recipe(name: FilePath, /, **options: Any) -> ArrayRecipe:
    """The recipe of this name, or that of a TOML file, for arrays.

    Options are the recipe's own (`augcli recipes NAME` shows them) and `probability`; what goes
    around it, as for `generate`: `keep`, `tau`, `keep_size`, `keep_candidates`, `saliency`,
    `saliency_size`, `label_smoothing`; `fit`, how a partner of another size meets the target's; and
    for saliency of a classifier `model` with what belongs to it. Raises `augcli.UserError` for a
    wrong value, TypeError for an option that there is not.
    """
    is_file = isinstance(name, PathLike) or is_file_name(str(name))
    with python_sentences(types_of(RecipeChoice, ModelChoice, InputChoice)):
        own = () if is_file else _own_options(str(name))
        settings = {key: value for key, value in options.items() if key in own}
        given = {key: value for key, value in options.items() if key not in own}
        known = (*own, *_AROUND, "fit", *types_of(ModelChoice, InputChoice))
        for key in given:
            if key not in known:
                raise TypeError(
                    f"load_recipe() got an unexpected keyword argument"
                    f" '{shorten(key)}'{did_you_mean(key, known)}"
                )
        around = {key: given[key] for key in _AROUND if key in given}
        source = {"recipe_file": Path(name)} if is_file else {"recipe": str(name), "set": settings}
        pipeline = build_pipeline(chosen(RecipeChoice, around | source))
        model, pixels = chosen(ModelChoice, given), chosen(InputChoice, given)
        fit = chosen(_FitChoice, given)
        if "fit" in given and pipeline.sources == 1:
            raise UserError(
                f"fit has no effect with recipe {pipeline.name}, which leaves an image its own"
                " size; leave it out."
            )
        names = given.keys() - {"fit"}
        refuse_without_effect(names, around | source, [pipeline], model, pixels)
        check_model(pipeline.saliency_specs, model, pixels)
    return ArrayRecipe(pipeline, fit.fit, model, pixels)


def _own_options(name: str) -> tuple[str, ...]:
    """The options of a recipe itself; raises UserError where there is none of this name."""
    from augcli.image.opencv import require_opencv

    require_opencv()
    return (*recipe_class(recipe_of(name, "")).model_fields, "probability")
