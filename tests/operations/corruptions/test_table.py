"""What holds for every corruption, whatever the image."""

from __future__ import annotations

import hashlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import Pixels, Shape
from augcli.errors import BadValue, UnreadableImage
from augcli.operations.corruptions.frost_overlays import OVERLAYS, overlay_part, own_overlay
from augcli.operations.corruptions.overlay_files import overlay_files, read_overlay
from augcli.operations.corruptions.table import (
    COMMON,
    CORRUPTIONS,
    EXTRA,
    corrupt,
    draw,
    strength_of,
)
from augcli.operations.corruptions.variants import VARIANTS, resolve
from tests.conftest import write_photo
from tests.helpers.single_images import generator, photo

SHAPES = [(1, 1), (1, 23), (17, 1), (2, 2), (31, 45), (130, 70)]


def test_the_two_groups_are_those_of_the_benchmark() -> None:
    assert (
        *("gaussian_noise", "shot_noise", "impulse_noise"),
        *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
        *("snow", "frost", "fog", "brightness"),
        *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
    ) == COMMON
    assert EXTRA == ("speckle_noise", "gaussian_blur", "spatter", "saturate")


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_of_any_shape(name: str) -> None:
    """The image stays as it is, and what was drawn makes the same pixels again."""
    rng = generator(1)
    for shape, severity in product(SHAPES, (1, 5)):
        for image in (photo(shape), np.zeros((*shape, 3), np.uint8)):
            before, drawn = image.copy(), draw(name, rng)
            first = corrupt(image, name, severity, drawn)
            np.testing.assert_array_equal(image, before)
            assert first.shape == image.shape
            assert first.dtype == np.uint8
            assert not np.shares_memory(first, image)
            np.testing.assert_array_equal(corrupt(image, name, severity, drawn), first)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_all_strengths_change_an_image(name: str, variant: Any) -> None:
    image = smooth_photo((40, 52))
    outputs = [corrupt(image, name, s, draw(name, generator(s)), variant) for s in range(1, 6)]
    if (name, variant) == ("defocus_blur", "cifar"):  # whose first disk is one pixel
        outputs = outputs[3:]
    if name == "glass_blur" and variant != "imagenet":
        outputs = outputs[1:]
    assert all((output != image).any() for output in outputs)


@pytest.mark.parametrize("name", [name for name, one in CORRUPTIONS.items() if one.draws])
def test_other_draws_are_other_images(name: str) -> None:
    image, rng = smooth_photo((60, 60)), generator()
    outputs = [corrupt(image, name, 3, draw(name, rng), "imagenet").tobytes() for _ in range(4)]
    assert len(set(outputs)) == 4


def smooth_photo(shape: Shape) -> Pixels:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    waves = [127 + 90 * np.sin(rows / (3 + n) + columns / (5 - n)) for n in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "variant"),
    [((32, 32), "cifar"), ((47, 300), "cifar"), ((48, 48), "tiny"), ((127, 128), "tiny"),
     ((128, 128), "imagenet"), ((3000, 2000), "imagenet")],
)  # fmt: skip
def test_auto_goes_by_the_shorter_side(shape: Shape, variant: str) -> None:
    assert resolve("auto", shape) == variant
    assert resolve("inception", shape) == "inception"


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_there_are_five_severities(severity: int) -> None:
    with pytest.raises(ValueError, match="a severity is 1 to 5, and not"):
        strength_of("fog", (32, 32), severity)


def test_a_side_beyond_16_bits_is_refused() -> None:
    with pytest.raises(UnreadableImage, match=r"up to 32766 pixels a side, .* 32767x1$"):
        corrupt(np.zeros((1, 32767, 3), np.uint8), "contrast", 1, {})


def test_own_overlays_stay() -> None:
    """Rows name an overlay by its number alone."""
    overlays = [own_overlay(number) for number in range(OVERLAYS)]
    assert {overlay.shape for overlay in overlays} == {(600, 900, 3)}
    means = [float(overlay.mean()) for overlay in overlays]
    assert means == pytest.approx([121.37, 106.29, 119.61, 124.99, 117.49], abs=0.02)
    assert len({hashlib.sha256(overlay.data).digest() for overlay in overlays}) == OVERLAYS
    assert all(overlay[..., 2].mean() > overlay[..., 0].mean() for overlay in overlays)


def test_an_overlay_is_enlarged_where_an_image_needs_it() -> None:
    overlay = np.repeat(np.arange(100, dtype=np.uint8)[:, None, None] * 2, 120, axis=1)
    overlay = np.repeat(overlay, 3, axis=2)
    part = overlay_part(overlay, (60, 80), 1.0, 0.5, 0.25)
    np.testing.assert_array_equal(part, overlay[20:80, 10:90])
    # Twice 1.1 times its size: 90.9 of its 100 rows are shown, from the first one on or the tenth.
    for down, first in ((0.0, 0), (0.999, 8)):
        large = overlay_part(overlay, (200, 80), 1.0, down, 0.0)
        assert large.shape == (200, 80, 3)
        assert abs(int(large[0, 0, 0]) - 2 * first) <= 2
        assert abs(int(large[-1, 0, 0]) - 2 * (first + 90)) <= 2
    # A long image takes no more memory than it has itself.
    assert overlay_part(overlay, (1, 30_000), 1.0, 0.5, 0.5).shape == (1, 30_000, 3)


def test_overlays_of_a_folder(tmp_path: Path) -> None:
    for number in range(4):
        write_photo(tmp_path / f"{number}.png", number, 50, 40)
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(BadValue, match="give a folder of 5 images"):
        overlay_files(str(tmp_path))
    for number in (5, 4):
        write_photo(tmp_path / f"{number}.JPG", number, 50, 40, format="JPEG")
    files = overlay_files(str(tmp_path))
    assert [file.name for file in files] == ["0.png", "1.png", "2.png", "3.png", "4.JPG"]
    overlay, sha256 = read_overlay(files[0])
    assert overlay.shape == (40, 50, 3)
    assert sha256 == hashlib.sha256(files[0].read_bytes()).hexdigest()
    image, drawn = np.zeros((32, 32, 3), np.uint8), {"overlay": 0, "down": 0.5, "right": 0.0}
    # A share of .4 of the overlay from row int(.5 * (40 - 32)) on.
    expected = (0.4 * overlay[4:36, :32]).astype(np.uint8)
    actual = corrupt(image, "frost", 1, drawn, "imagenet", overlay)
    np.testing.assert_array_equal(actual, expected)
    (tmp_path / "0.png").write_bytes(b"no image")
    read_overlay.cache_clear()
    with pytest.raises(UnreadableImage, match=r"^the frost overlay .*0\.png: "):
        read_overlay(files[0])
    with pytest.raises(BadValue, match="cannot be read as a folder"):
        overlay_files(str(tmp_path / "0.png"))
