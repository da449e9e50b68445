"""Sequences against the published code, and what holds for every one."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.errors import BadValue
from augcli.operations.corruptions.extra import gaussian_blur
from augcli.operations.corruptions.weather import brightness
from augcli.operations.perturbations import (
    CIFAR_TEST,
    EXTRA,
    PERTURBATIONS,
    TEST,
    draw_sequence,
    perturb,
    run_down,
)
from augcli.operations.projections import affine_matrix, tilt
from tests.helpers.corruption_vectors import WHOLE
from tests.helpers.reference_vectors import REFERENCE
from tests.helpers.single_images import generator, photo


def vectors(folder: Path) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.npz"))]


def assert_published(path: Path, image: Any = None) -> None:
    """The frames of the published code, or one level beside them where sums in another order are
    rounded or truncated."""
    with np.load(path) as archive:
        case = dict(archive)
    image = case["input"] if image is None else image[str(case["input_key"])]
    variant: Any = str(case["variant"])
    frames = [*perturb(image, str(case["perturbation"]), {}, variant)]
    assert len(frames) == int(case["n_frames"])
    shown = np.stack([frames[number] for number in case["frame_index"]])
    difference = np.abs(shown.astype(int) - case["frames"])
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 0.001 * difference.size


@pytest.mark.parametrize("path", vectors(REFERENCE / "perturbations"))
def test_published_frames(path: Path) -> None:
    assert_published(path)


@pytest.mark.skipif(not WHOLE.exists(), reason="all vectors are not beside this checkout")
@pytest.mark.parametrize("path", vectors(WHOLE / "sequences"))
def test_all_published_frames(path: Path) -> None:
    with np.load(WHOLE / "images.npz") as images:
        assert_published(path, images)


def test_the_ten_and_the_four() -> None:
    assert (
        *("gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow"),
        *("brightness", "translate", "rotate", "tilt", "scale"),
    ) == TEST
    assert EXTRA == ("speckle_noise", "gaussian_blur", "spatter", "shear")
    assert {*TEST} - {*CIFAR_TEST} == {"snow"} and {*CIFAR_TEST} - {*TEST} == {"spatter"}


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_frames_of_any_image(name: str) -> None:
    rng = generator()
    for shape, variant in (((1, 1), "cifar"), ((13, 20), "tiny"), ((30, 22), "imagenet")):
        image: Any = photo(shape)
        before, drawn = image.copy(), draw_sequence(name, rng)
        frames = [*perturb(image, name, drawn, variant)]  # type: ignore[arg-type]
        assert len(frames) == PERTURBATIONS[name].counts[variant]  # type: ignore[index]
        assert all(frame.shape == image.shape and frame.dtype == np.uint8 for frame in frames)
        assert not any(np.shares_memory(frame, image) for frame in frames)
        np.testing.assert_array_equal(image, before)
        again = [*perturb(image, name, drawn, variant)]  # type: ignore[arg-type]
        np.testing.assert_array_equal(again, frames)
    changes = [(first != second).any() for first, second in pairwise(frames)]
    assert np.mean(changes) > 0.9


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "speckle_noise"])
def test_noise_begins_with_the_image_and_has_three_levels(name: str) -> None:
    image, distances = np.full((40, 40, 3), 120, np.uint8), []
    for level in (1, 2, 3):
        frames = np.stack([*perturb(image, name, {"seed": 5}, "cifar", level=level)])
        assert (len(frames), (frames[0] == image).all()) == (31, True)
        assert len({frame.tobytes() for frame in frames}) == 31
        spread = frames[1:].astype(float).std()
        distances.append(spread)
    expected = {
        "gaussian_noise": (0.02, 0.04, 0.06),
        "shot_noise": tuple((120 / 255 / rate) ** 0.5 for rate in (700, 400, 200)),
        "speckle_noise": tuple(120 / 255 * share for share in (0.05, 0.07, 0.1)),
    }[name]
    assert distances == pytest.approx([255 * one for one in expected], rel=0.02)


def test_frames_that_stay() -> None:
    """The middle of a sequence is the image, but for tilt, whose published projection shrinks."""
    image = photo((32, 32))
    for name in ("rotate", "shear"):
        np.testing.assert_array_equal([*perturb(image, name, {}, "cifar")][15], image)
    np.testing.assert_array_equal([*perturb(image, "translate", {}, "cifar")][7], image)
    np.testing.assert_array_equal([*perturb(image, "scale", {}, "cifar")][15], image)
    moved = [*perturb(image, "translate", {}, "cifar")][9]
    np.testing.assert_array_equal(moved[:, 2:], image[:, :-2])
    assert not moved[:, :2].any()
    level = [*perturb(image, "tilt", {}, "cifar")][15]
    assert (level != image).any()
    bright = [*perturb(image, "brightness", {}, "tiny")]
    np.testing.assert_array_equal(bright[20], brightness(image, 0.1))
    blurred = [*perturb(image, "gaussian_blur", {}, "imagenet")]
    np.testing.assert_array_equal(blurred[10], gaussian_blur(image, 0.6, 6.0))


def test_a_crop_shows_what_lies_beyond_it() -> None:
    image = photo((40, 44))
    frames = [*perturb(image, "translate", {}, "cifar", crop=(32, 32))]
    assert {frame.shape for frame in frames} == {(32, 32, 3)}
    np.testing.assert_array_equal(frames[7], image[4:36, 6:38])
    np.testing.assert_array_equal(frames[8], image[4:36, 5:37])
    assert perturb(image, "rotate", {}, crop=(32, 32)).__next__().shape == (32, 32, 3)


def test_drops_run_down_as_numpy_convolves() -> None:
    drops = np.random.default_rng(0).random((9, 4))
    for weights in ((0.2, 0.8), (0.05, 0.1, 0.15, 0.7), (0.3, 0.5, 0.2)):
        expected = [np.convolve(column, weights, mode="same") for column in drops.T]
        np.testing.assert_allclose(run_down(drops, weights), np.transpose(expected), atol=1e-15)
    drop = np.zeros((9, 1))
    drop[2] = 1.0
    assert run_down(drop, (0.2, 0.8)).ravel()[1:5] == pytest.approx([0, 0.2, 0.8, 0])


def test_matrices_of_both_centres() -> None:
    with np.load(REFERENCE / "perturbations/cifar_rotate.npz") as case:
        for number, own, later in zip(
            case["frame_index"], case["matrices"], case["matrices_centre"], strict=True
        ):
            degrees = float(number) - 15
            matrix = affine_matrix((32, 32), degrees=degrees)
            assert matrix == pytest.approx(own.tolist(), abs=1e-12)
            matrix = affine_matrix((32, 32), degrees=degrees, centre=(16.0, 16.0))
            assert matrix == pytest.approx(later.tolist(), abs=1e-12)


def test_a_tilt_shrinks_by_its_distance() -> None:
    image = np.zeros((41, 41, 3), np.uint8)
    image[:, 21:] = 200
    level = tilt(image, 0.0)
    # The column at 20.5 + d of the middle is read from 20.5 + d (f + 1) / f.
    focus = 41 * 2**0.5
    read = 20.5 + (np.arange(41) - 20.5) * (focus + 1) / focus
    expected = np.interp(read, np.arange(41), image[20, :, 0].astype(float))
    inside = (read >= 0) & (read <= 40)
    np.testing.assert_allclose(level[20, inside, 0], expected[inside], atol=0.51)
    assert (tilt(image, 12.0) != level).any()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"variant": "inception"}, "no published sequences of the variant inception"),
        ({"level": 2}, "rotate has no level 2"),
        ({"crop": (33, 8)}, "a crop of 8x33 does not fit into an image of 32x32"),
    ],
)
def test_what_is_refused(options: Any, says: str) -> None:
    with pytest.raises(BadValue, match=says):
        next(perturb(photo((32, 32)), "rotate", {}, **options))
