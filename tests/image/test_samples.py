"""Samples of other depths, signs and meanings of alpha than those of most files."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from tests.helpers.image_files import chunk, saved
from tests.image.test_rare_images import tiff

CASES = Path(__file__).parent / "cases"
BACKGROUND = (9, 8, 7)
SIGNED = "pixels are 32-bit integers, or signed ones, which have no stated range"


def packed(samples: npt.NDArray[np.int64], bits: int) -> bytes:
    """Rows of samples, the first bit first, each row filled to a whole byte."""
    places = np.arange(bits - 1, -1, -1)
    rows = (samples[..., None] >> places & 1).astype(np.uint8).reshape(len(samples), -1)
    return np.packbits(rows, axis=1).tobytes()


def grey(bits: int, samples: npt.NDArray[np.int64], sample_format: int = 1) -> bytes:
    height, width = samples.shape
    data = packed(samples, bits)
    tags = [(256, 4, (width,)), (257, 4, (height,)), (258, 3, (bits,)), (259, 3, (1,)),
            (262, 3, (1,)), (273, 4, (0,)), (277, 3, (1,)), (278, 4, (height,)),
            (279, 4, (len(data),)), (339, 3, (sample_format,))]  # fmt: skip
    return tiff(tags, data)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 8, 33])
def test_grey_of_12_bits(width: int) -> None:
    samples = np.random.default_rng(width).integers(0, 4096, (5, width))
    samples[0, 0], samples[-1, -1] = 4095, 0
    decoded = decode(grey(12, samples))
    np.testing.assert_array_equal(decoded[..., 0], samples >> 4)


@pytest.mark.parametrize("bits", [8, 16])
def test_signed_samples_are_refused(bits: int) -> None:
    samples = np.arange(20).reshape(4, 5)
    assert decode(grey(bits, samples)).shape == (4, 5, 3)
    with pytest.raises(UnreadableImage, match=SIGNED):
        decode(grey(bits, samples, 2))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("scale", [1, 256, 257])
def test_colour_maps_of_8_bits_and_of_16(bits: int, scale: int) -> None:
    """libtiff, too, takes a map in which no value has more than 8 bits for one of 8 bits."""
    rng = np.random.default_rng(bits)
    colours = rng.integers(0, 256, (3, 1 << bits))
    colours[:, 0] = 255
    samples = rng.integers(0, 1 << bits, (4, 8))
    samples[0, 0] = 0
    data = packed(samples, bits)
    tags = [(256, 4, (8,)), (257, 4, (4,)), (258, 3, (bits,)), (259, 3, (1,)), (262, 3, (3,)),
            (273, 4, (0,)), (277, 3, (1,)), (278, 4, (4,)), (279, 4, (len(data),)),
            (320, 3, tuple((colours * scale).ravel().tolist()))]  # fmt: skip
    np.testing.assert_array_equal(decode(tiff(tags, data)), colours.T[samples])


def png(bits: int, colour_type: int, samples: npt.NDArray[np.int64], key: bytes) -> bytes:
    rows = samples.reshape(len(samples), -1)
    lines = packed(rows, bits)
    size = len(lines) // len(rows)
    raw = b"".join(b"\0" + lines[at : at + size] for at in range(0, len(lines), size))
    head = struct.pack(">IIBBBBB", samples.shape[1], len(samples), bits, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), (b"tRNS", key), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_compared_in_all_bits(bits: int) -> None:
    rng = np.random.default_rng(bits)
    samples = rng.integers(0, 1 << bits, (6, 9))
    key = int(samples[2, 3])
    samples[0, 0] = key ^ 1  # which in 16 bits differs in the low byte only
    high = samples >> 8 if bits == 16 else samples * (255 // (2**bits - 1))
    expected = np.repeat(high[..., None], 3, axis=2)
    expected[samples == key] = BACKGROUND
    data = png(bits, 0, samples, key.to_bytes(2))
    np.testing.assert_array_equal(decode(data, background=BACKGROUND), expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour_is_compared_in_all_bits(bits: int) -> None:
    samples = np.random.default_rng(bits).integers(0, 1 << bits, (6, 9, 3))
    samples[1] = samples[0, 0]
    samples[1, 2, 2] ^= 1
    key = struct.pack(">3H", *samples[0, 0].tolist())
    expected = samples >> (bits - 8)
    expected[(samples == samples[0, 0]).all(axis=2)] = BACKGROUND
    assert (expected[1, :2] == BACKGROUND).all()
    assert (expected[1, 2] != BACKGROUND).any()
    data = png(bits, 2, samples, key)
    np.testing.assert_array_equal(decode(data, background=BACKGROUND), expected)
    with pytest.raises(UnreadableImage, match="a transparent colour of a wrong length"):
        decode(png(bits, 2, samples, key[:4]))


CLEAR = Image.new("RGBA", (16, 16), (10, 20, 30, 0))


@pytest.mark.parametrize("rle", [False, True])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_of_tga_counts_where_its_header_says_so(mode: str, rle: bool) -> None:
    image = CLEAR.convert(mode)
    data = bytearray(saved(image, "TGA", rle=rle))
    assert data[17] & 15 == 8
    assert (decode(bytes(data), background=BACKGROUND) == BACKGROUND).all()
    data[17] &= 0xF0
    stored = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decode(bytes(data), background=BACKGROUND), stored)


def test_alpha_of_bitmaps_counts_unless_it_is_zero_everywhere() -> None:
    data = bytearray((CASES / "bmp32_v4_alpha_all_zero.bmp").read_bytes())
    data[-1] = 255
    decoded = decode(bytes(data), background=BACKGROUND)
    assert decoded.tolist() == [[list(BACKGROUND), [40, 50, 60]]]


def test_alpha_of_icons() -> None:
    def icon(form: str) -> bytes:
        stream = io.BytesIO()
        CLEAR.save(stream, "ICO", bitmap_format=form, sizes=[(16, 16)])
        return stream.getvalue()

    assert (decode(icon("bmp"), background=BACKGROUND) == (10, 20, 30)).all()
    assert (decode(icon("png"), background=BACKGROUND) == BACKGROUND).all()


def test_an_unknown_critical_chunk_is_refused() -> None:
    """As in the files of Apple's tools, whose pixels are no PNG."""
    data = saved(CLEAR, "PNG")
    with pytest.raises(UnreadableImage, match="a critical chunk CgBI, not known of PNG"):
        decode(data[:33] + chunk(b"CgBI", b"\x50\0\x20\2") + data[33:])
