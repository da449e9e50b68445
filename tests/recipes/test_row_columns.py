"""What a row says of an output, against its pixels, over random chains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.engine.outputs import saliency_method
from augcli.enums import Fit
from augcli.pipeline.execute import Execution
from augcli.pipeline.keep import Keep
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.recipes.recipe import SaliencySpec
from augcli.saliency.detectors import detect

HEIGHT, WIDTH = 24, 36
PASTING: list[tuple[str, dict[str, Any]]] = [
    ("cutmix", {}),
    ("cutmix", {"alpha": 0.2}),
    ("saliencymix", {}),
    ("saliencymix", {"detector": "spectral-residual", "protect_target": 0.1}),
    ("ricap", {}),
    ("ricap", {"beta": 4}),
    ("fmix", {}),
]
COVERING: list[tuple[str, dict[str, Any]]] = [
    ("cutout", {"fill": "black"}),
    ("random_erasing", {"fill": "#000000"}),
]


class Sources:
    """Images whose blue channel is their number, and the maps that were asked for."""

    def __init__(self, shapes: bool = False) -> None:
        self.shapes = shapes
        self.indices: list[int] = []
        self.looked_for: set[SaliencySpec] = set()

    def image(self, number: int) -> Pixels:
        shape = (HEIGHT + 7 * (number % 3), WIDTH - 5 * (number % 4)) if self.shapes else (24, 36)
        image = np.random.default_rng(number).integers(0, 256, (*shape, 3), np.uint8)
        image[..., 2] = number + 1
        return image

    def detect(self, image: Pixels, spec: SaliencySpec) -> SaliencyMap:
        self.looked_for.add(spec)
        return detect(spec.detector, [image], spec.size)[0]

    def detect_made(self, image: Pixels, _: Mapping[int, float], spec: SaliencySpec) -> SaliencyMap:
        return self.detect(image, spec)

    def __call__(self, number: int) -> Picture:
        self.indices.append(number)
        image = self.image(number)
        return Picture(image, {number: 1.0}, lambda d: self.detect(image, d))


def random_chain(rng: np.random.Generator, choices: list[tuple[str, dict[str, Any]]]) -> Pipeline:
    """One to three steps, some with a probability, with alternatives, or inside KeepAugment."""

    def recipe() -> Any:
        return build_recipe(*choices[int(rng.integers(len(choices)))])

    steps = []
    for _ in range(int(rng.integers(1, 4))):
        others = tuple(recipe() for _ in range(int(rng.integers(2))))
        keep = Keep(size=float(rng.uniform(0.2, 1)), tau=float(rng.uniform()))
        steps.append(
            Step(
                recipe(),
                float(rng.choice([0.5, 1.0])),
                others,
                (1.0,) * (1 + len(others)),
                keep if rng.random() < 0.3 else None,
            )
        )
    return Pipeline("chain", tuple(steps))


def outputs(
    choices: list[tuple[str, dict[str, Any]]], count: int, **more: Any
) -> list[tuple[Pipeline, Sources, Picture]]:
    all_outputs = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        pipeline, sources = random_chain(rng, choices), Sources(**more)
        picture = Execution(pipeline, Fit.cover, sources.detect_made).execute(rng, sources)
        all_outputs.append((pipeline, sources, picture))
    return all_outputs


def remade(pipeline: Pipeline, sources: Sources, picture: Picture) -> Picture:
    """The output again, from what its row says."""
    record = json.loads(json.dumps(pipeline.row_record(picture.record)))
    maker = Execution(pipeline, Fit.cover, sources.detect_made)
    left = iter([sources(number) for number in picture.sources])
    again = maker.replay(pipeline.full_record(record), left)
    assert next(left, None) is None, "a source was left over"
    return again


def test_weights_and_sources_are_those_of_the_pixels() -> None:
    again_covered = 0
    for pipeline, sources, picture in outputs(PASTING, 150):
        shown, counts = np.unique(picture.image[..., 2], return_counts=True)
        seen = {int(blue) - 1: count for blue, count in zip(shown, counts, strict=True)}
        shares = {number: share for number, share in picture.shares.items() if share > 0}
        expected = {number: count / (HEIGHT * WIDTH) for number, count in sorted(seen.items())}
        assert dict(sorted(shares.items())) == pytest.approx(expected, abs=1e-9)
        assert sum(picture.shares.values()) == pytest.approx(1.0, abs=1e-9)
        assert picture.sources[0] == 0
        assert set(picture.sources) <= set(sources.indices)
        unseen = set(picture.sources) - set(seen) - {0}
        if len(pipeline.steps) == 1 and pipeline.steps[0].keep is None:
            assert not unseen, "a partner of which nothing was taken"
        again_covered += len(unseen)
        again = remade(pipeline, sources, picture)
        np.testing.assert_array_equal(again.image, picture.image)
        assert (again.shares, again.boxes) == (picture.shares, picture.boxes)
        assert again.saliency_specs == picture.saliency_specs
    assert again_covered  # by a later step: listed, with a share of 0


def test_weights_follow_images_of_other_shapes() -> None:
    """Where an image is resampled its edges blend; the rest of it is counted."""
    compared = 0
    for _, _, picture in outputs(PASTING[:6], 60, shapes=True):
        assert sum(picture.shares.values()) == pytest.approx(1.0, abs=1e-9)
        height, width = picture.image.shape[:2]
        blue = picture.image[..., 2]
        for number, share in picture.shares.items():
            count = np.count_nonzero(blue == number + 1)
            assert share == pytest.approx(count / (height * width), abs=0.06)
            compared += 1
    assert compared > 150


def test_detectors_are_those_that_were_used() -> None:
    kinds = set()
    chains = [*PASTING, *COVERING, ("flip", {}), ("mixup", {})]
    for pipeline, sources, picture in outputs(chains, 150):
        if set(picture.sources) == set(sources.indices):
            assert set(picture.saliency_specs) == sources.looked_for
        assert set(picture.saliency_specs) <= sources.looked_for
        names = saliency_method(pipeline, picture)
        assert sorted(filter(None, names.split(","))) == sorted(map(str, picture.saliency_specs))
        kinds.add((names, bool(pipeline.saliency_specs)))
    assert ("", True) in kinds and ("fine-grained", True) in kinds and ("", False) in kinds


def test_a_class_with_another_detector_names_it() -> None:
    pipeline = Pipeline(
        "by class",
        (Step(build_recipe("saliencymix", {})),),
        by_class={"cat": (Step(build_recipe("saliencymix", {"detector": "spectral-residual"})),)},
    )
    for class_name, detector in (("cat", "spectral-residual"), ("dog", "fine-grained")):
        sources = Sources()

        def source(number: int, sources: Sources = sources, name: str = class_name) -> Picture:
            return sources(number)._replace(class_name=name)

        maker = Execution(pipeline, Fit.cover, sources.detect_made)
        picture = maker.execute(np.random.default_rng(0), source)
        assert saliency_method(pipeline, picture) == detector


def test_outside_its_boxes_an_output_is_its_target() -> None:
    several = 0
    for pipeline, sources, picture in outputs([*PASTING[:4], *COVERING], 150):
        outside = np.ones((HEIGHT, WIDTH), bool)
        for top, left, bottom, right in picture.boxes:
            assert 0 <= top < bottom <= HEIGHT
            assert 0 <= left < right <= WIDTH
            outside[top:bottom, left:right] = False
        np.testing.assert_array_equal(picture.image[outside], sources.image(0)[outside])
        several += len(picture.boxes) > 1
        assert remade(pipeline, sources, picture).boxes == picture.boxes
    assert several > 30


def test_boxes_start_again_where_the_target_moves() -> None:
    names = ("cutout", "flip", "random_erasing", "brightness", "cutmix")
    options: dict[str, dict[str, Any]] = {
        "flip": {"probability": 1},
        "random_erasing": {"probability": 1},
    }
    steps = tuple(Step(build_recipe(name, options.get(name, {}))) for name in names)
    sources = Sources()

    def boxes(*numbers: int) -> tuple[Any, ...]:
        pipeline = Pipeline("chain", tuple(steps[number] for number in numbers))
        maker = Execution(pipeline, Fit.cover, sources.detect_made)
        return maker.execute(np.random.default_rng(1), sources).boxes

    assert [len(boxes(*numbers)) for numbers in ((0,), (0, 1), (0, 1, 2), (0, 2, 3))] == [
        1,
        0,
        1,
        2,
    ]
    assert len(boxes(0, 3, 4)) == 2
    assert len(boxes(0, 1, 2, 3, 4)) == 2


def test_a_partner_of_which_nothing_is_taken_is_not_listed() -> None:
    recipe = build_recipe("cutmix", {})
    listed = set()
    for alpha in (0.02, 1.0):
        pipeline = Pipeline("cutmix", (Step(build_recipe("cutmix", {"alpha": alpha})),))
        for seed in range(40):
            sources = Sources()
            picture = Execution(pipeline, Fit.cover, sources.detect_made).execute(
                np.random.default_rng(seed), sources
            )
            taken = bool(picture.boxes)
            assert sources.indices == [0, 1]
            assert picture.sources == ([0, 1] if taken else [0])
            listed.add(taken)
            # The first version listed it, with a weight of 0: such rows can be made again too.
            maker = Execution(pipeline, Fit.cover, sources.detect_made)
            assert maker.sources_of(picture.record) == recipe.sources
            every = maker.replay(picture.record, iter([sources(0), sources(1)]), every=True)
            np.testing.assert_array_equal(every.image, picture.image)
            assert every.shares == ({0: 1.0, 1: 0.0} | picture.shares)
    assert listed == {True, False}
