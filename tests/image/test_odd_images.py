"""Files that other decoders were tried with: each is decoded as stated, or refused as stated."""

from __future__ import annotations

import numpy as np
import pytest

from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from tests.conftest import ROOT

ODD = ROOT.parent / "shared/images/odd"
pytestmark = pytest.mark.skipif(not ODD.is_dir(), reason="the corpus of odd images is not here")

# (height, width), or why the file is refused.
EXPECTED: dict[str, tuple[int, int] | str] = {
    "1.webp": (368, 550),
    "16bit.cropped.tif": (64, 64),
    "1bit.tif": (4, 256),
    "2bit.tif": (4, 256),
    "4bit.tif": (4, 256),
    "avif-orientation-6.avif": (4032, 3024),
    "big-height.webp": (169, 13),
    "broken_exif_dpi.jpg": (100, 100),
    "cogs.gif": (77, 85),
    "decompression_bomb.gif": "65535 x 66601 pixels exceed the limit",
    "hopper_gray.jpg": (128, 128),
    "indexed.png": (442, 290),
    "invalid_multiframe.gif": (9, 10),
    "looks-like-svg.webp": (256, 256),
    "ojpeg-strip.tif": (160, 160),
    "pil_sample_cmyk.jpg": (100, 100),
    "rgba-correct.ppm": (64, 64),
    "rgba.png": (128, 128),
    "sample-xyb.jpg": (442, 290),
    "sample.jpg": (442, 290),
    "small.bmp": (12, 16),
    "trans-x.png": (100, 100),
    "truncated.gif": "the GIF data is truncated",
    "truncated.jpg": "the JPEG data is truncated",
    "zero_width.gif": "not an image in a format",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_as_stated(name: str) -> None:
    data, expected = (ODD / name).read_bytes(), EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(UnreadableImage, match=expected):
            decode(data)
    else:
        image = decode(data)
        assert image.shape == (*expected, 3)
        assert image.dtype == np.uint8


def test_no_file_is_left_out() -> None:
    assert {path.name for path in ODD.iterdir() if path.is_file()} == set(EXPECTED)


def test_all_orientations_come_out_upright_and_equal() -> None:
    small = [decode((ODD / f"rotation/{n}.jpg").read_bytes()) for n in (1, 2, 3, 4)]
    turned = [decode((ODD / f"rotation/{n}.jpg").read_bytes()) for n in (5, 6, 7, 8)]
    for group in (small, turned):
        for image in group:
            assert image.shape == group[0].shape
            # They were compressed one by one, and two of them lie a pixel lower in their files.
            same = np.abs(image.astype(int) - group[0]).mean()
            for mirrored in (image[:, ::-1], image[::-1], image[::-1, ::-1]):
                assert same < 0.5 * np.abs(mirrored.astype(int) - group[0]).mean()


def test_the_xyb_colours_are_those_of_its_twin() -> None:
    xyb, plain = (decode((ODD / name).read_bytes()) for name in ("sample-xyb.jpg", "sample.jpg"))
    assert np.abs(xyb.astype(int) - plain).mean() < 5


def test_grey_scales_keep_their_order() -> None:
    for name in ("1bit.tif", "2bit.tif", "4bit.tif"):
        image = decode((ODD / name).read_bytes())
        assert image.min() == 0
        assert image.max() == 255
