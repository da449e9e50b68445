"""What the published code of ImageNet-C makes of recorded draws, and what augcli makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from augcli.arrays.types import Pixels
from augcli.operations.corruptions import blur, digital, extra, noise, weather
from augcli.operations.corruptions.plasma import plasma, plasma_side
from augcli.operations.corruptions.table import CORRUPTIONS
from tests.conftest import ROOT
from tests.helpers.reference_vectors import REFERENCE

Vectors = dict[str, npt.NDArray[Any]]

# All of the published vectors, where they lie beside the checkout.
WHOLE = ROOT.parent / "shared/reference/corruptions"


class Case(NamedTuple):
    """A corruption of one image: what was drawn and what came out."""

    name: str
    strength: Any
    image: Pixels
    vectors: Vectors

    def drawn(self, key: str) -> npt.NDArray[np.float64]:
        """Noise as the published code used it, in float64."""
        return self.vectors[key].astype(np.float64)


def read_case(file: Path, images: Vectors | None = None) -> Case:
    with np.load(file) as archive:
        vectors = dict(archive)
    name, severity = str(vectors["corruption"]), int(vectors["severity"])
    image = vectors["input"] if images is None else images[str(vectors["input_key"])]
    if "crop" in vectors:
        top, left, bottom, right = vectors["crop"].tolist()
        image = image[top:bottom, left:right]
    variant: Any = str(vectors["variant"])
    return Case(name, CORRUPTIONS[name].strengths[variant][severity - 1], image, vectors)


def own_cases() -> list[Any]:
    files = sorted((REFERENCE / "corruptions").glob("*.npz"))
    return [pytest.param(read_case(file), id=file.stem) for file in files]


def whole_cases() -> list[Any]:
    """The files of every variant; none where they are not beside the checkout."""
    files = sorted(WHOLE.glob("[cit]*/*.npz"))
    return [pytest.param(file, id=f"{file.parent.name}-{file.stem}") for file in files]


def _elastic(case: Case) -> Pixels:
    height, width = case.image.shape[:2]
    alpha, deviation, _ = (number * min(height, width) for number in case.strength)
    fields = case.drawn("affine_jitter"), case.drawn("field_x"), case.drawn("field_y")
    return digital.elastic_transform(case.image, *fields, alpha, deviation)


def _fog(case: Case) -> Pixels:
    height, width = case.image.shape[:2]
    side = plasma_side((height, width))
    cloud = plasma(side, case.strength.decay, case.drawn("draws"))[:height, :width]
    tolerance = 1e-12 if case.vectors["plasma"].dtype == np.float64 else 1e-6
    np.testing.assert_allclose(cloud, case.vectors["plasma"], rtol=0, atol=tolerance)
    return weather.fog(case.image, case.strength.strength, cloud)


def _snow(case: Case) -> Pixels:
    layer = weather.snow_layer(case.drawn("noise"), case.strength, float(case.vectors["angle"]))
    np.testing.assert_array_equal(layer, case.vectors["layer_blurred_u8"])
    return weather.snow(case.image, layer, case.strength.keep)


def _spatter(case: Case) -> Pixels:
    drops = extra.liquid(case.drawn("noise"), case.strength)
    if "liquid_u8" in case.vectors:
        levels = (drops * 255).astype(np.uint8).astype(int)
        assert np.abs(levels - case.vectors["liquid_u8"]).max() <= 1
    else:
        np.testing.assert_array_equal(drops > case.strength.threshold, case.vectors["mask"])
    return extra.spatter(case.image, case.strength, drops)


_WITH_DRAWS: dict[str, Callable[[Case], Pixels]] = {
    "gaussian_noise": lambda case: noise.gaussian_noise(case.image, case.drawn("noise")),
    "speckle_noise": lambda case: extra.speckle_noise(case.image, case.drawn("noise")),
    "shot_noise": lambda case: noise.shot_noise(case.strength, case.vectors["counts"]),
    "impulse_noise": lambda case: noise.impulse_noise(
        case.image, case.vectors["replaced"], case.vectors["salt"]
    ),
    "glass_blur": lambda case: blur.glass_blur(case.image, case.strength, case.vectors["shifts"]),
    "motion_blur": lambda case: blur.motion_blur(
        case.image, case.strength, float(case.vectors["angle"])
    ),
    "frost": lambda case: weather.frost(case.image, case.strength, case.vectors["overlay_crop"]),
    "snow": _snow,
    "fog": _fog,
    "elastic_transform": _elastic,
    "spatter": _spatter,
}


def corrupted(case: Case) -> Pixels:
    """The corruption of the case with the draws of the case."""
    if case.name in _WITH_DRAWS:
        return _WITH_DRAWS[case.name](case)
    return CORRUPTIONS[case.name].apply(case.image, case.strength)


# The share of values that may differ by one level, as sums in another order are truncated; for all
# others it is as much as another version of OpenCV may lead to.
TOLERATED = {"zoom_blur": 0.01, "gaussian_blur": 0.01, "snow": 0.01}
OTHERWISE = 0.001


def assert_published(case: Case) -> None:
    """The pixels are those of the published code, up to what is tolerated."""
    actual = corrupted(case)
    assert actual.dtype == np.uint8
    assert not np.shares_memory(actual, case.image)
    difference = np.abs(actual.astype(int) - case.vectors["output"])
    if case.name == "jpeg_compression":  # which depends on the version of libjpeg
        assert difference.mean() <= 1
        return
    share = np.count_nonzero(difference) / difference.size
    assert difference.max() <= 1 and share <= TOLERATED.get(case.name, OTHERWISE), (
        f"{difference.max()} levels at most, {share:.3%} of the values"
    )
