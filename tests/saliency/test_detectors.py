"""The table of detectors, spectral residual, and maps at low resolution."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from augcli.errors import UserError
from augcli.saliency.detectors import FUNCTIONS, detect, spectral_residual
from augcli.saliency.fine_grained import opencv_detector, opencv_saliency_map, saliency_map
from tests.helpers.onnx_models import noise

UInt8 = npt.NDArray[np.uint8]


def box_on_ground(height: int, width: int) -> UInt8:
    image = np.full((height, width, 3), (40, 90, 60), np.uint8)
    image[height // 2 : height // 2 + 9, width // 4 : width // 4 + 12] = (250, 20, 30)
    return image


def test_names() -> None:
    assert list(FUNCTIONS) == ["fine-grained", "opencv-fine-grained", "spectral-residual"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_detect_gives_each_images_map_in_order(name: str) -> None:
    images = [noise(40, 52, 1), noise(52, 40, 2), noise(40, 52, 3)]
    actual = detect(name, images)
    assert [saliency.shape for saliency in actual] == [(40, 52), (52, 40), (40, 52)]
    for saliency, image in zip(actual, images, strict=True):
        assert saliency.dtype == np.uint8
        np.testing.assert_array_equal(saliency, FUNCTIONS[name](image))
    assert detect(name, []) == []


def test_the_two_fine_grained_detectors_agree() -> None:
    images = [noise(33, 47), box_on_ground(120, 260)]
    for fast, slow in zip(
        detect("fine-grained", images), detect("opencv-fine-grained", images), strict=True
    ):
        np.testing.assert_array_equal(fast, slow)


@pytest.mark.parametrize(
    ("name", "near"),
    [("fine-grain", "fine-grained"), ("spectral_residual", "spectral-residual")],
)
def test_unknown_detector_names_the_closest(name: str, near: str) -> None:
    with pytest.raises(UserError, match=rf"'{name}' \(did you mean '{near}'\?\); give one of"):
        detect(name, [noise(8, 8)])


def test_unknown_detector_far_from_all_lists_them() -> None:
    with pytest.raises(
        UserError, match=r"'x'; give one of fine-grained, .*spectral-residual, .*feature-map\."
    ):
        detect("x", [])


@pytest.mark.parametrize(
    ("shape", "size", "small"),
    [
        ((60, 90), 30, (30, 45)),
        ((91, 61), 30, (45, 30)),  # 44.75 rows
        ((300, 2), 1, (150, 1)),
    ],
)
def test_low_resolution_map(shape: tuple[int, int], size: int, small: tuple[int, int]) -> None:
    image = noise(*shape)
    shrunk = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
    expected = cv2.resize(opencv_saliency_map(shrunk), shape[::-1], interpolation=cv2.INTER_LINEAR)
    (actual,) = detect("fine-grained", [image], size)
    assert actual.dtype == np.uint8
    np.testing.assert_array_equal(actual, expected)


def test_low_resolution_differs_from_the_full_map() -> None:
    image = noise(60, 90)
    assert (detect("fine-grained", [image], 30)[0] != saliency_map(image)).any()


@pytest.mark.parametrize("size", [60, 61, 1000, None])
def test_images_are_never_enlarged(size: int | None) -> None:
    image = noise(60, 90)
    np.testing.assert_array_equal(detect("fine-grained", [image], size)[0], saliency_map(image))


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 3), (1, 300), (64, 64), (150, 90)])
def test_spectral_residual_is_opencvs_of_bgr(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    detector = opencv_detector("StaticSaliencySpectralResidual")
    _, saliency = detector.computeSaliency(np.ascontiguousarray(image[:, :, ::-1]))
    expected = (255 * saliency).astype(np.uint8)
    assert expected.any()
    np.testing.assert_array_equal(spectral_residual(image), expected)


def test_spectral_residual_finds_the_odd_one_out() -> None:
    saliency = spectral_residual(box_on_ground(128, 128))
    row, column = np.unravel_index(saliency.argmax(), saliency.shape)
    assert 60 <= row < 77
    assert 28 <= column < 48


def test_spectral_residual_of_what_looks_flat_is_zero() -> None:
    """OpenCV's own map of these is rounding errors, close to 255 everywhere."""
    lost = np.full((1000, 1000, 3), 255, np.uint8)
    lost[501, 503] = 0  # falls between the samples of the 64 x 64 copy
    for image in (np.full((40, 50, 3), 77, np.uint8), noise(1, 1), lost):
        assert not spectral_residual(image).any()
        assert spectral_residual(image).shape == image.shape[:2]
