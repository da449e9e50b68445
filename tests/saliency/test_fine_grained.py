"""The fast fine-grained map against OpenCV's detector and the golden vectors, bit for bit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augcli.errors import UserError
from augcli.saliency import centre_surround as surround
from augcli.saliency import fine_grained
from augcli.saliency.centre_surround import RADII, STRIP, TILE, Memory
from augcli.saliency.fine_grained import (
    BATCH,
    BATCHED,
    MAX_BATCH,
    _stretch,
    _stretch_each,
    opencv_detector,
    opencv_saliency_map,
    saliency_map,
    saliency_maps,
)
from tests.helpers.onnx_models import noise

UInt8 = npt.NDArray[np.uint8]

TESTS = Path(__file__).resolve().parent.parent
REFERENCE = TESTS / "reference" / "saliencymix"
CASES = sorted(REFERENCE.glob("case_*.npz"))
SAMPLES = sorted(
    path for kind in ("*.jpg", "*.png") for path in (TESTS.parent / "sample_data").rglob(kind)
)


def specks(height: int, width: int, ground: int) -> UInt8:
    """Few pixels of the opposite brightness on a flat ground: long sums, then large differences."""
    chosen = np.random.default_rng(1).random((height, width, 1)) < 0.002
    return np.where(chosen, 255 - ground, ground).astype(np.uint8).repeat(3, axis=2)


def slope(height: int, width: int) -> UInt8:
    rows = np.linspace(0, 255, height)[:, np.newaxis]
    columns = np.linspace(255, 0, width)
    planes = np.broadcast_arrays(rows, columns, rows / 2 + columns / 2)
    return np.stack(planes, axis=2).astype(np.uint8)


def picture(height: int, width: int, seed: int = 0) -> UInt8:
    """Smooth colours with some noise, as a photograph has."""
    coarse = noise(height // 20 + 2, width // 20 + 2, seed)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.addWeighted(smooth, 0.9, noise(height, width, seed + 1), 0.1, 0.0)


def assert_equals_opencv(image: UInt8) -> None:
    actual = saliency_map(image)
    assert actual.dtype == np.uint8
    np.testing.assert_array_equal(actual, opencv_saliency_map(image))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_map_of_golden_sources(path: Path) -> None:
    case = np.load(path)
    np.testing.assert_array_equal(saliency_map(case["source_image"]), case["saliency_bgr"])


def test_map_and_ties_of_golden_photograph() -> None:
    case = np.load(REFERENCE / "saliency_map_224.npz")
    actual = saliency_map(case["source_image"])
    np.testing.assert_array_equal(actual, case["saliency_bgr"])
    assert np.count_nonzero(actual == actual.max()) == case["n_peak_ties_bgr"]


def test_channel_order_is_rgb() -> None:
    """The same bytes read as BGR have the golden vectors' other map."""
    case = np.load(REFERENCE / "case_00.npz")
    swapped = np.ascontiguousarray(case["source_image"][:, :, ::-1])
    np.testing.assert_array_equal(saliency_map(swapped), case["saliency_rgb"])
    assert (case["saliency_rgb"] != case["saliency_bgr"]).any()


SHAPES = [
    *[(1, 1), (1, 2), (2, 1), (2, 3), (1, 12), (13, 1), (1, 500), (500, 1), (2, 500), (5, 3000)],
    *[(16, 16), (23, 24), (25, 25), (31, 600), (56, 57), (97, 96), (112, 112), (113, 111)],
    *[(223, 224), (225, 225), (256, 256), (200, 700), (375, 500), (600, 333)],
]


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_equals_opencv_at_every_size(height: int, width: int) -> None:
    assert_equals_opencv(noise(height, width))
    assert_equals_opencv(picture(height, width))
    assert_equals_opencv(slope(height, width))
    assert_equals_opencv(specks(height, width, 0))
    assert_equals_opencv(specks(height, width, 255))


@pytest.mark.parametrize(
    "image", [picture(1500, 1500), specks(1499, 1500, 255)], ids=["odd", "even"]
)
def test_equals_opencv_where_sums_round(image: UInt8) -> None:
    """Sums beyond 2**24 round in float32; these reach 2**28 and 2**29."""
    assert image.mean(axis=2).sum() > 2**27
    assert_equals_opencv(image)


def blank_memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(fine_grained, "memory", memory)
    return memory


@pytest.mark.parametrize("rows", [1, 5, 64])
def test_strips_of_any_height_give_the_same_map(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    blank_memory(monkeypatch)
    monkeypatch.setattr(surround, "STRIP", rows * 60)
    for height in (290, 225, 224, 223, 112, 111, 70):
        assert_equals_opencv(picture(height, 60))
        assert_equals_opencv(specks(height, 60, 255))


@pytest.mark.parametrize("width", [1, 63, 64, 65, 4096, TILE - 1, TILE, TILE + 1])
def test_divisors_repeat_at_any_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of full windows are divided several at a time, and what is left over apart."""
    blank_memory(monkeypatch)
    monkeypatch.setattr(surround, "STRIP", 100 * width)
    for height in (170, 300):
        assert_equals_opencv(noise(height, width))


@pytest.mark.parametrize("shape", [(256, 512), (257, 512), (512, 256), (1, STRIP), (2, STRIP)])
def test_images_about_as_large_as_a_strip(shape: tuple[int, int]) -> None:
    assert_equals_opencv(picture(*shape) // 2)
    assert_equals_opencv(specks(*shape, 0))
    assert_equals_opencv(specks(*shape, 255))


def near(level: int, height: int, width: int) -> UInt8:
    """Grey within 3 of a level, so that the sum of all pixels is known."""
    values = np.random.default_rng(level).integers(level - 3, min(level + 4, 256), (height, width))
    return values.astype(np.uint8)[..., np.newaxis].repeat(3, axis=2)


@pytest.mark.parametrize("level", [100, 166, 167, 168, 169, 200, 252])
def test_equals_opencv_where_sums_begin_to_round(level: int) -> None:
    """From a sum of 2**23, OpenCV's sum of two entries of the integral can exceed 2**24."""
    assert 166 * 224**2 < 2**23 < 168 * 224**2
    assert_equals_opencv(near(level, 224, 224))
    assert_equals_opencv(np.minimum(picture(224, 224), 127) + np.uint8(level // 2))


def test_sums_of_batches_never_round() -> None:
    """They are taken for exact."""
    assert 2 * 255 * BATCHED <= 2**24
    images = [near(252, 64, 128), np.full((64, 128, 3), 255, np.uint8), specks(64, 128, 255)]
    assert images[0].size // 3 == BATCHED
    for image, actual in zip(images, saliency_maps(images), strict=True):
        np.testing.assert_array_equal(actual, opencv_saliency_map(image))


def test_kept_arrays_do_not_leak_into_other_images() -> None:
    """Sizes, brightness and numbers of images alternate, and each returns."""
    shapes = [(224, 224), (60, 400), (400, 60), (330, 420), (30, 30), (2, 1), (224, 224)]
    for _ in range(2):
        for height, width in shapes:
            for image in (specks(height, width, 255), picture(height, width), noise(height, width)):
                assert_equals_opencv(image)
            dark = [picture(height, width, seed) // 4 for seed in range(3)]
            for image, actual in zip(dark, saliency_maps(dark), strict=True):
                np.testing.assert_array_equal(actual, opencv_saliency_map(image))


def test_arrays_of_large_images_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = blank_memory(monkeypatch)
    monkeypatch.setattr(surround, "MAX_KEPT", 100_000)
    for image in (picture(60, 70), picture(200, 190), picture(60, 70), picture(60, 70)):
        assert_equals_opencv(image)
        assert all(array.nbytes <= 100_000 for array in memory.arrays.values())
        assert memory.last is None
    assert_equals_opencv(picture(20, 20))
    assert memory.last is not None


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_flat_image_has_no_saliency(level: int) -> None:
    image = np.full((70, 300, 3), level, np.uint8)
    assert not saliency_map(image).any()
    assert_equals_opencv(image)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_equals_opencv_on_photographs(path: Path) -> None:
    image = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert saliency_map(image).max() == 255
    assert_equals_opencv(image)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 256), st.integers(0, 2**32 - 1))
def test_equals_opencv_on_any_small_image(height: int, width: int, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert_equals_opencv(rng.integers(0, levels, (height, width, 3)).astype(np.uint8))


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (1, 2), (2, 1), (3, 40), (12, 12), (32, 32), (64, 48), (90, 91), (91, 91)],
)
def test_batches_equal_single_maps(height: int, width: int) -> None:
    count = min(2 * MAX_BATCH + 1, 2 * BATCH // (height * width) + 1)  # three batches
    images = [noise(height, width, seed) for seed in range(count - 1)]
    images.insert(1, np.full((height, width, 3), 200, np.uint8))
    for image, actual in zip(images, saliency_maps(images), strict=True):
        np.testing.assert_array_equal(actual, opencv_saliency_map(image))


def test_maps_keep_the_order_of_mixed_sizes() -> None:
    images = [
        noise(*shape, seed) for seed in range(3) for shape in ((20, 30), (30, 20), (260, 270))
    ]
    actual = saliency_maps(images)
    assert [saliency.shape for saliency in actual] == [image.shape[:2] for image in images]
    for image, saliency in zip(images, actual, strict=True):
        np.testing.assert_array_equal(saliency, opencv_saliency_map(image))
    assert saliency_maps([]) == []


def test_calls_leave_inputs_and_earlier_results_alone() -> None:
    first, second = picture(120, 90, 1), picture(120, 90, 2)
    kept = first.copy()
    actual = saliency_map(first)
    expected = actual.copy()
    saliency_map(second)
    saliency_maps([second, second])
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(actual, expected)


def test_threads_do_not_share_working_memory() -> None:
    images = [picture(150, 140 + seed % 3, seed) for seed in range(24)]
    expected = [opencv_saliency_map(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for actual, reference in zip(pool.map(saliency_map, images), expected, strict=True):
            np.testing.assert_array_equal(actual, reference)


def test_views_of_images() -> None:
    image = picture(90, 80)
    for view in (image[::-1, ::2], image[:, :, ::-1], image.transpose(1, 0, 2)):
        expected = opencv_saliency_map(np.ascontiguousarray(view))
        np.testing.assert_array_equal(saliency_map(view), expected)
        np.testing.assert_array_equal(saliency_maps([view, view])[1], expected)


@pytest.mark.parametrize("times", [1, 2])
def test_stretching_is_opencvs_for_every_sum_and_peak(times: int) -> None:
    """OpenCV: a float32 quotient, times 255 in double, truncated. Twice the sums give the same."""
    largest = len(RADII) * 255
    peaks = np.arange(1, largest + 1, dtype=np.int16)[:, np.newaxis]
    sums = np.minimum(np.arange(largest + 1, dtype=np.int16), peaks)
    quotients = sums.astype(np.float32) / peaks.astype(np.float32)
    expected = (255.0 * quotients.astype(np.float64)).astype(np.uint8)
    sums *= np.int16(times)
    np.testing.assert_array_equal(_stretch_each(sums), expected)
    for row, reference in zip(sums, expected, strict=True):
        np.testing.assert_array_equal(_stretch(row[np.newaxis])[0], reference)


def test_bytes_survive_opencvs_float_map() -> None:
    """``uint8(255 * map)`` is the detector's own byte for each of the 256."""
    image = picture(300, 300)
    detector = opencv_detector("StaticSaliencyFineGrained")
    _, saliency = detector.computeSaliency(image)
    values = np.unique(saliency)
    assert len(values) > 200
    np.testing.assert_array_equal((255 * values).astype(np.uint8), np.rint(255.0 * values))


@pytest.mark.parametrize(
    "image",
    [np.zeros((5, 5, 3), np.float32), np.zeros((5, 5), np.uint8), np.zeros((0, 5, 3), np.uint8)],
    ids=["float", "grey", "empty"],
)
def test_other_arrays_are_refused(image: UInt8) -> None:
    with pytest.raises(ValueError, match=r"saliency needs uint8 \(H, W, 3\), not"):
        saliency_map(image)


def test_without_contrib_modules_only_opencvs_detector_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = picture(40, 40)
    expected = opencv_saliency_map(image)
    monkeypatch.delattr(cv2, "saliency")
    np.testing.assert_array_equal(saliency_map(image), expected)
    with pytest.raises(UserError, match="opencv-contrib-python"):
        opencv_saliency_map(image)
