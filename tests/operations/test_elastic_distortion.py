"""Elastic distortion against the golden vectors and against SciPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from augcli.arrays.noise import uniform_field
from augcli.errors import UnreadableImage
from augcli.operations import elastic

REFERENCE = Path(__file__).parent.parent / "reference" / "elastic"
SIMARD = sorted(REFERENCE.glob("case_simard_*.npz"))
CORRUPTIONS = sorted(REFERENCE.glob("case_imagenetc_*.npz"))


def test_all_vectors_are_there() -> None:
    assert (len(SIMARD), len(CORRUPTIONS)) == (3, 8)


def displacements(case: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    alpha, sigma = float(case["alpha"]), float(case["sigma"])
    dx = elastic.displacement(case["noise_dx"], alpha, sigma)
    dy = elastic.displacement(case["noise_dy"], alpha, sigma)
    np.testing.assert_allclose(dx, case["dx"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(dy, case["dy"], rtol=0, atol=1e-6)
    return dx, dy


@pytest.mark.parametrize("path", SIMARD, ids=lambda path: path.stem)
def test_simard(path: Path) -> None:
    case = np.load(path)
    result = elastic.displace(case["input"], *displacements(case))
    np.testing.assert_allclose(result, case["output_reflect"], rtol=0, atol=1e-3)


@pytest.mark.parametrize("path", CORRUPTIONS, ids=lambda path: path.stem)
def test_imagenet_c(path: Path) -> None:
    case = np.load(path)
    image = case["input"]
    height, width = image.shape[:2]
    dx, dy = displacements(case)
    np.testing.assert_allclose(
        elastic.displace(image, dx, dy), case["output_displacement_only"], rtol=0, atol=1e-3
    )
    np.testing.assert_array_equal(elastic.jitter_points(height, width), case["affine_points_xy"])
    warped = elastic.affine_jitter(image, case["affine_point_noise"])
    full = elastic.displace(warped, dx, dy)
    # The vectors come from OpenCV's warpAffine, whose weights are rougher than ours.
    np.testing.assert_allclose(full, case["output_full"], rtol=0, atol=0.01)
    truncated = case["output_full_u8_trunc"].astype(int)
    assert np.abs(np.rint(full) - truncated).max() <= 1
    strength = elastic.corruption_strength(case["variant"].item(), int(case["severity"]), height)
    expected = [float(case[key]) for key in ("alpha", "sigma", "affine_range")]
    assert list(strength) == pytest.approx(expected)


def test_strengths_scale_with_the_side() -> None:
    assert elastic.simard_strength(29) == (34, 4, 0)
    assert elastic.simard_strength(58) == (136, 8, 0)


def test_the_distortion_looks_the_same_at_any_size() -> None:
    """Displacements are the same share of the side at 58 and at 232 pixels."""
    shares = []
    for side in (58, 232):
        alpha, sigma, _ = elastic.simard_strength(side)
        noise = np.random.default_rng(1).uniform(-1, 1, (side, side))
        moved = elastic.displacement(noise, alpha, sigma)
        shares.append(np.sqrt(np.mean(np.square(moved))) / side)
    assert 0.02 < shares[0] < 0.08
    assert 0.6 < shares[0] / shares[1] < 1.6
    assert elastic.corruption_strength("imagenet", 1, 224) == pytest.approx((488, 170.8, 24.4))
    assert elastic.corruption_strength("imagenet", 5, 448) == pytest.approx(
        (488 * 0.12, 4.88, 9.76)
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from([1, 2, 3, 7, 63, 64, 65, 130]),
    st.sampled_from([1, 2, 5, 64, 97]),
    st.floats(0, 40),
    st.integers(0, 2**32),
)
def test_smoothing_is_scipys_for_any_kernel_and_size(
    height: int, width: int, sigma: float, seed: int
) -> None:
    """Kernels many times as long as the image included."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (height, width))
    expected = 7.0 * ndimage.gaussian_filter(noise, sigma, mode="reflect", truncate=3.0)
    np.testing.assert_allclose(elastic.displacement(noise, 7.0, sigma), expected, atol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from([1, 2, 3, 16, 150]),
    st.sampled_from([1, 2, 5, 16, 131]),
    st.sampled_from([0.0, 0.5, 3.0, 40.0]),
    st.integers(0, 2**32),
)
def test_displaced_is_scipys_map_coordinates(
    height: int, width: int, reach: float, seed: int
) -> None:
    """Displacements beyond several mirrored copies of the image included."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    dx, dy = rng.uniform(-reach, reach, (2, height, width))
    rows, columns = np.indices((height, width))
    expected = np.stack(
        [
            ndimage.map_coordinates(
                image[..., channel].astype(np.float64),
                [rows + dy, columns + dx],
                order=1,
                mode="reflect",
            )
            for channel in range(3)
        ],
        axis=-1,
    )
    np.testing.assert_allclose(elastic.displace(image, dx, dy), expected, rtol=0, atol=1e-3)


def test_elastic_is_the_rounded_composition_of_its_stages() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (37, 52, 3), np.uint8)
    jitter = rng.uniform(-3, 3, (3, 2))
    seed = 2**64 - 1
    noise_x, noise_y = 2 * uniform_field(seed, (2, 37, 52)) - 1
    dx, dy = (elastic.displacement(noise, 30.0, 4.0) for noise in (noise_x, noise_y))
    assert np.abs(dx).max() > 1
    plain = elastic.elastic(image, seed, 30.0, 4.0)
    np.testing.assert_array_equal(
        plain, np.rint(elastic.displace(image, dx, dy)).astype(np.uint8), strict=True
    )
    both = elastic.elastic(image, seed, 30.0, 4.0, jitter)
    warped = elastic.affine_jitter(image, jitter)
    np.testing.assert_array_equal(
        both, np.rint(elastic.displace(warped, dx, dy)).astype(np.uint8), strict=True
    )
    assert (plain != both).any()
    assert (plain != elastic.elastic(image, seed - 1, 30.0, 4.0)).any()


def test_nothing_moves_without_strength() -> None:
    image = np.random.default_rng(2).integers(0, 256, (20, 31, 3), np.uint8)
    np.testing.assert_array_equal(elastic.elastic(image, 3, 0.0, 0.0), image)
    np.testing.assert_array_equal(elastic.elastic(image, 3, 0.0, 5.0, np.zeros((3, 2))), image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (9, 2)])
def test_tiny_images(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 77, np.uint8)
    result = elastic.elastic(image, 5, 20.0, 3.0, np.full((3, 2), 0.4))
    np.testing.assert_array_equal(result, image, strict=True)


def test_jitter_by_equal_offsets_is_a_translation() -> None:
    image = np.random.default_rng(4).integers(0, 256, (24, 30, 3), np.uint8)
    moved = elastic.affine_jitter(image, np.array([[3.0, -2.0]] * 3))
    np.testing.assert_allclose(moved[:-2, 3:], image[2:, :-3], rtol=0, atol=1e-2)


def test_sides_beyond_opencv_are_refused() -> None:
    with pytest.raises(UnreadableImage, match="32767x1"):
        elastic.elastic(np.zeros((1, 32767, 3), np.uint8), 0, 1.0, 1.0)
    wide = np.full((1, 32766, 3), 9, np.uint8)
    np.testing.assert_array_equal(elastic.elastic(wide, 0, 1.0, 1.0), wide)
