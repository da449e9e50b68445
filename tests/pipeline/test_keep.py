"""KeepAugment: golden vectors, weights counted from pixels, and every recipe inside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.enums import Candidates, Fit
from augcli.errors import UserError
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.pipeline.execute import Execution
from augcli.pipeline.keep import (
    Keep,
    KeepParams,
    build_keep,
    put_back,
    selective_cut,
    selective_paste,
)
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline, Step, pipeline_of
from augcli.recipes.catalogue import build_recipe, recipe_class, recipe_names
from augcli.recipes.cutout import Cutout
from augcli.recipes.fill import cover
from augcli.recipes.random_erasing import RandomErasing
from augcli.recipes.recipe import Augmented, RegionRecipe, SaliencySpec, SourceView
from augcli.recipes.saliencymix import Params, SaliencyMix
from augcli.saliency.regions import region_scores, threshold

VECTORS = sorted((Path(__file__).parents[1] / "reference/keepaugment").glob("case_*.npz"))


def inside(**options: float) -> Keep:
    """KeepAugment over the regions wholly inside the image, as the vectors have it."""
    return Keep(candidates=Candidates.inside, **options)


def view(image: Pixels, saliency_map: SaliencyMap) -> SourceView:
    height, width = image.shape[:2]
    return SourceView(Fitted(image, (height, width)), lambda _: saliency_map)


@pytest.mark.parametrize("file", VECTORS, ids=lambda file: file.stem)
def test_golden_vectors(file: Path) -> None:
    case = np.load(file)
    image, height, width = case["image"], int(case["region_h"]), int(case["region_w"])
    scores = region_scores(case["saliency"], height, width)
    np.testing.assert_allclose(scores, case["score"], rtol=1e-6)
    limit = threshold(scores, float(case["tau"]))
    assert limit == pytest.approx(float(case["threshold"]), rel=1e-6)

    top, left = case["cut_top_left"]
    hole = Box(top, left, top + height, left + width)
    cut = cover(image, hole, case["cut_fill"].tolist())
    np.testing.assert_array_equal(cut.image, case["cut_output"])

    top, left = case["paste_top_left"]
    box = Box(top, left, top + height, left + width)
    pasted = put_back(image, Augmented(case["augmented"], (1.0,)), box)
    np.testing.assert_array_equal(pasted.image, case["paste_output"])
    assert pasted.weights == (1.0,)
    assert pasted.boxes == (box,)


def is_square(file: Path) -> bool:
    case = np.load(file)
    return bool(case["region_h"] == case["region_w"] and len(set(case["image"].shape[:2])) == 1)


@pytest.mark.parametrize("file", [*filter(is_square, VECTORS)], ids=lambda file: file.stem)
def test_regions_are_drawn_from_the_admissible_ones_alone(file: Path) -> None:
    case = np.load(file)
    source_view = view(case["image"], case["saliency"])
    side = int(case["region_h"])
    keep = inside(tau=float(case["tau"]), size=side / len(case["image"]))
    cuts, pastes = np.zeros((2, *case["score"].shape), bool)
    for seed in range(3000):
        rng = np.random.default_rng(seed)
        _, keep_params = selective_cut(keep, Cutout(length=side), rng, source_view, [source_view])
        assert keep_params.box is not None
        assert keep_params.score < keep_params.threshold
        cuts[keep_params.box.top, keep_params.box.left] = True
        keep_params = selective_paste(keep, rng, source_view)
        assert keep_params.box is not None
        assert (keep_params.box.height, keep_params.box.width) == (side, side)
        assert keep_params.score > keep_params.threshold
        pastes[keep_params.box.top, keep_params.box.left] = True
    sure = ~case["near_threshold"]
    assert not (cuts & sure & ~case["admissible_cut"]).any()
    assert not (pastes & sure & ~case["admissible_paste"]).any()
    # n draws of k regions leave out a share of exp(-n / k).
    for actual, admissible in ((cuts, case["admissible_cut"]), (pastes, case["admissible_paste"])):
        regions = int(admissible.sum())
        assert actual.sum() > 0.9 * regions * (1 - np.exp(-3000 / regions))


@pytest.mark.parametrize("useless", ["flat", "zero", "nan", "infinite"])
def test_a_map_without_information(useless: str) -> None:
    saliency_map = np.full((20, 30), 7.0, np.float32)
    if useless == "zero":
        saliency_map[:] = 0
    elif useless != "flat":
        saliency_map[3, 4] = np.nan if useless == "nan" else np.inf
    image = np.full((20, 30, 3), 90, np.uint8)
    source_view = view(image, saliency_map)
    rng = np.random.default_rng(1)
    params, keep_params = selective_cut(inside(), Cutout(length=6), rng, source_view, [source_view])
    assert (params.box, keep_params.box, keep_params.admissible, keep_params.flat) == (
        None,
        None,
        False,
        True,
    )
    keep_params = selective_paste(inside(), rng, source_view)
    assert (keep_params.box, keep_params.admissible, keep_params.flat) == (
        Box(0, 0, 10, 15),
        False,
        True,
    )


def test_no_map_is_computed_where_nothing_is_covered() -> None:
    image = np.full((20, 30, 3), 90, np.uint8)

    def detect_nothing(_: SaliencySpec) -> SaliencyMap:
        raise AssertionError("nobody asks for this map")

    source_view = SourceView(Fitted(image, (20, 30)), detect_nothing)
    recipe = RandomErasing(probability=0)
    params, keep_params = selective_cut(
        Keep(), recipe, np.random.default_rng(1), source_view, [source_view]
    )
    assert params.box is None
    assert keep_params == KeepParams("cut", None, 0.0, 0.0, admissible=True, flat=False)


def test_a_region_larger_than_the_image_is_cut_to_it() -> None:
    """One side of the hole reaches across; along the other, it has seven places."""
    image = np.full((10, 30, 3), 90, np.uint8)
    levels = np.tile(np.arange(30, dtype=np.float32), (10, 1))
    recipe, source_view = Cutout(length=24), [view(image, levels)]
    boxes = set()
    for seed in range(200):
        _, keep_params = selective_cut(
            inside(tau=0.5), recipe, np.random.default_rng(seed), source_view[0], source_view
        )
        boxes.add(keep_params.box)
    assert boxes == {Box(0, left, 10, left + 24) for left in range(3)}
    whole, keep_params = selective_cut(
        inside(), Cutout(length=99), np.random.default_rng(0), source_view[0], source_view
    )
    assert (whole.box, keep_params.box, keep_params.admissible) == (None, None, False)


def salient_left(image: Pixels) -> SaliencyMap:
    """A map that falls from the left to the right."""
    return np.tile(np.linspace(1, 0, image.shape[1], dtype=np.float32), (image.shape[0], 1))


def detect(image: Pixels, *_: object) -> SaliencyMap:
    return salient_left(image)


def execute(
    recipe_options: tuple[str, dict[str, Any]], images: list[Pixels], seed: int, **keep: Any
) -> tuple[Pipeline, Picture]:
    recipe = build_recipe(*recipe_options)
    pipeline = Pipeline("kept", (Step(recipe, keep=build_keep(keep, [recipe])),))

    def source(number: int) -> Picture:
        image = images[number]
        return Picture(image, {number: 1.0}, lambda _: salient_left(image))

    maker = Execution(pipeline, Fit.cover, detect)
    return pipeline, maker.execute(np.random.default_rng(seed), source)


@pytest.mark.parametrize("name", ["cutmix", "saliencymix", "ricap", "fmix", "mixup"])
@pytest.mark.parametrize("seed", range(12))
def test_weights_are_the_pixels_that_were_pasted(name: str, seed: int) -> None:
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
    images = [np.full((31, 44, 3), colour, np.uint8) for colour in colours]
    count = recipe_class(name).sources
    _, output = execute((name, {}), images[:count], seed)
    counted = [np.mean((output.image == images[i]).all(axis=2)) for i in output.shares]
    if name == "mixup":
        record = output.record
        assert record is not None
        box, lam = record["keep"]["box"], record["params"]["lam"]
        inside = box.area / (31 * 44)
        assert output.shares[0] == pytest.approx(lam * (1 - inside) + inside, abs=1e-12)
        np.testing.assert_array_equal(output.image[box.slices], images[0][box.slices])
    else:
        assert list(output.shares.values()) == pytest.approx(counted, abs=1e-12)
    assert sum(output.shares.values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("name", recipe_names())
def test_around_every_recipe(name: str) -> None:
    rng = np.random.default_rng(5)
    images = [rng.integers(0, 256, (37 + i, 52 - i, 3), np.uint8) for i in range(4)]
    recipe = recipe_class(name)
    images = images[: recipe.sources]
    for seed in range(4):
        keep = {"tau": 0.5, "size": 0.3, "candidates": "inside"}
        pipeline, output = execute((name, {}), images, seed, **keep)
        assert output.image.shape == images[0].shape
        assert output.record is not None
        keep_params = output.record["keep"]
        assert keep_params["mode"] == ("cut" if issubclass(recipe, RegionRecipe) else "paste")
        if keep_params["box"] is not None:
            centre = (keep_params["box"].left + keep_params["box"].right) / 2
            assert (centre > 26) == (keep_params["mode"] == "cut") or abs(centre - 26) <= 2
            if keep_params["mode"] == "paste":
                inside = keep_params["box"].slices
                np.testing.assert_array_equal(output.image[inside], images[0][inside])
        row = json.loads(json.dumps(pipeline.row_record(output.record)))
        sources = iter(
            [Picture(images[i], {i: 1.0}, lambda _: images[0][..., 0]) for i in output.shares]
        )
        again = Execution(pipeline_of(pipeline.describe()), Fit.cover, detect).replay(
            pipeline.full_record(row), sources
        )
        np.testing.assert_array_equal(again.image, output.image)
        assert again.shares == output.shares


def test_saliencymix_pastes_its_peak_where_the_target_can_spare_it() -> None:
    target = np.zeros((40, 60, 3), np.uint8)
    source = np.full((40, 60, 3), 200, np.uint8)
    peak_map = np.zeros((40, 60), np.float32)
    peak_map[8, 5] = 1
    source_view = [view(target, salient_left(target)), view(source, peak_map)]
    params, keep_params = selective_cut(
        inside(), SaliencyMix(), np.random.default_rng(3), source_view[0], source_view
    )
    assert keep_params.box == params.box
    assert params.centre == (8, 5)
    assert params.taken.top <= 8 < params.taken.bottom
    assert params.taken.left <= 5 < params.taken.right
    assert (params.taken.height, params.taken.width) == (params.box.height, params.box.width)
    assert params.box.left > params.taken.left


@pytest.mark.parametrize(
    ("peak", "corner"), [((38, 58), (30, 45)), ((1, 2), (0, 0)), ((20, 30), (15, 23))]
)
def test_what_saliencymix_takes_lies_inside_the_source(
    peak: tuple[int, int], corner: tuple[int, int]
) -> None:
    image, peak_map = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.float32)
    peak_map[peak] = 1
    source_view = [view(image, peak_map), view(image, peak_map)]
    params = SaliencyMix().cover_spared(np.random.default_rng(0), Box(2, 3, 12, 18), source_view)
    top, left = corner
    assert params == Params(Box(2, 3, 12, 18), peak, taken=Box(top, left, top + 10, left + 15))


def test_saliencymix_shows_the_sources_peak() -> None:
    """What lands in the box is what surrounds the source's peak, not what lies in its place."""
    target = np.zeros((40, 60, 3), np.uint8)
    source = np.arange(40 * 60 * 3, dtype=np.uint16).astype(np.uint8).reshape(40, 60, 3)
    source_view = [Fitted(image, (40, 60)) for image in (target, source)]
    box, taken = Box(20, 30, 30, 45), Box(3, 4, 13, 19)
    params = Params(box, (8, 11), taken=taken)
    made_of = SaliencyMix().apply(source_view, params)
    image = made_of.image
    np.testing.assert_array_equal(image[box.slices], source[taken.slices])
    assert made_of.boxes == (box,)
    image[box.slices] = 0
    assert not image.any()


def test_without_a_region_above_the_threshold_the_first_best_is_put_back() -> None:
    levels = np.zeros((6, 8), np.float32)
    levels[2:4, 3:5] = levels[4:, 6:] = 5
    keep_params = selective_paste(
        inside(tau=1, size=0.25),
        np.random.default_rng(0),
        view(np.zeros((6, 8, 3), np.uint8), levels),
    )
    assert keep_params == KeepParams(
        "paste", Box(2, 3, 4, 5), 20.0, 20.0, admissible=False, flat=False
    )


@pytest.mark.parametrize(
    ("shape", "region"), [((7, 11), (4, 6)), ((1, 3), (1, 2)), ((5, 5), (2, 2))]
)
def test_the_region_put_back_is_rounded_half_to_even(
    shape: tuple[int, int], region: tuple[int, int]
) -> None:
    levels = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    source_view = view(np.zeros((*shape, 3), np.uint8), levels)
    keep_params = selective_paste(inside(), np.random.default_rng(0), source_view)
    assert keep_params.box is not None
    assert (keep_params.box.height, keep_params.box.width) == region


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tua": 1}, r"Keep has no option 'tua' \(did you mean 'tau'\?\)"),
        ({"tau": 2}, "Keep's tau=2 is wrong: give a number >= 0 and <= 1"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_keep(options, [])
    with pytest.raises(UserError, match="saliencymix draws one a batch"):
        build_keep({}, [SaliencyMix(box="per-batch")])
