"""Small files of kinds that decoders read wrongly, each with its right value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from augcli.engine.images import Images
from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from augcli.image.header import upright_size
from tests.helpers.runs import run_over

CASES = Path(__file__).parent / "cases"
R = (255, 0, 0)
SIGNED = "pixels are 32-bit integers, or signed ones, which have no stated range; convert to 8 bits"

# The background is R; a number is a grey.
Rows = list[list[int | tuple[int, int, int]]]
EXPECTED: dict[str, Rows | str] = {
    "tiff12_le.tif": [[255, 128, 64, 0]],
    "tiff8_signed.tif": SIGNED,
    "tiff_palette_8bit_colormap.tif": [[0, 64, 128, 255]],
    "grey16_trns.png": [[R, 128, 18, 64]],
    "rgb16_trns.png": [[R, 128]],
    "grey2_trns3.png": [[0, 85, 170, R]],
    "rgb_exif_in_ztxt.png": [[(1, 2, 3)], [(4, 5, 6)]],
    "rgb_xmp.png": [[(1, 2, 3), (4, 5, 6)]],
    "rgba_xmp.png": [[(1, 2, 3), (4, 5, 6)]],
    "tga32_no_attribute_bits.tga": [[(10, 20, 30), (40, 50, 60)]],
    "bmp32_v4_alpha_all_zero.bmp": [[(10, 20, 30), (40, 50, 60)]],
    "apng_hidden_default_rgb.png": [[(0, 255, 255)] * 2] * 2,
}
# (height, width) of files whose orientation, or whose EXIF, is odd: it has no type, nine values,
# or a right entry behind a broken one.
UPRIGHT = {
    "orientation.jpg": (55, 18),
    "broken_exif.webp": (30, 20),
    "jpeg_named.tga": (55, 18),
    "jpeg_named.sgi": (18, 55),
}


def _pixels(rows: Rows) -> npt.NDArray[np.uint8]:
    return np.array(
        [[(v,) * 3 if isinstance(v, int) else v for v in row] for row in rows], np.uint8
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_has_its_right_value(name: str) -> None:
    data, expected = (CASES / name).read_bytes(), EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(UnreadableImage, match=f"^{expected}$"):
            decode(data, background=R)
    else:
        np.testing.assert_array_equal(decode(data, background=R), _pixels(expected), strict=True)
        assert upright_size(data) == (len(expected), len(expected[0]))


@pytest.mark.parametrize("name", UPRIGHT)
def test_sizes_are_those_of_the_decoder(name: str) -> None:
    data = (CASES / name).read_bytes()
    assert upright_size(data) == UPRIGHT[name]
    assert decode(data).shape == (*UPRIGHT[name], 3)


def test_no_file_is_left_out() -> None:
    assert {path.name for path in CASES.iterdir()} == {*EXPECTED, *UPRIGHT}


def test_names_do_not_matter(tmp_path: Path) -> None:
    """A source may hold any file under any suffix of an image."""
    names = sorted(EXPECTED)
    (tmp_path / "photos" / "a").mkdir(parents=True)
    for number, name in enumerate(names):
        suffix = (".jpg", ".png", ".tif", ".tga")[number % 4]
        copy = tmp_path / "photos" / "a" / f"{number:02}{suffix}"
        copy.write_bytes((CASES / name).read_bytes())
    run = run_over(tmp_path / "photos", tmp_path / "out", background=R)
    images = Images(run)
    for number, name in enumerate(names):
        expected = EXPECTED[name]
        if isinstance(expected, str):
            with pytest.raises(UnreadableImage, match=f"^{expected}$"):
                images.get(number)
        else:
            decoded = images.get(number)
            np.testing.assert_array_equal(decoded.image, _pixels(expected), strict=True)
            assert decoded.upright == (len(expected), len(expected[0]))
