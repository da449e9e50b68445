"""Bytes to pixels and back.

Whatever the file holds, the rest of the program sees upright uint8 RGB of shape (H, W, 3):

- EXIF orientation is applied, by the rules of `exif` whichever library decodes; XMP is not read.
  Colour profiles are not applied (pixels are taken as they are stored), but for JPEGs in the XYB
  space, which are converted to sRGB.
- Grey is repeated over three channels. Palettes are looked up. CMYK is converted as Pillow does.
- Alpha is flattened on a background colour (white unless another is given). What TGA does not
  call alpha is none, nor what is zero all over a bitmap of Windows.
- 16-bit samples keep their 8 high bits. 32-bit integers and floats have no stated range: refused.
- Of animated and multi-page files the first frame is taken; a default image of APNG that is no
  part of its animation is not.

The first bytes say who decodes: OpenCV gets JPEG of 8 bits in grey or three channels, and PNG in
grey or RGB that has 8 bits or a transparent colour; Pillow gets the rest of both, and WebP, TIFF,
GIF, BMP, AVIF, JPEG 2000, PPM, TGA, ICO, PCX and SGI, and, with plugins, HEIC and JPEG XL. No
other format is read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Pixels
from augcli.enums import Chroma, Format
from augcli.errors import UnreadableImage
from augcli.image.bounds import check_size
from augcli.image.collage import Image, bgr_of
from augcli.image.exif import turn
from augcli.image.jpeg import (
    END_OF_IMAGE,
    JPEG_MAGIC,
    JpegHeader,
    check_scans,
    jpeg_header,
    without_texts,
)
from augcli.image.png import GREY, PNG_MAGIC, RGB, PngHeader, png_header, still

MAX_PIXELS = 100_000_000
_WHITE = (255, 255, 255)
_MISSING = 128
_FILLER = bytes(range(1, 251)) * 16
# Turning is this program's own work, for all decoders by one reading of EXIF.
_COLOUR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


class Encoding(NamedTuple):
    """How outputs are written: `quality` (1 to 100) is that of JPEG and WebP; PNG loses nothing."""

    format: Format = Format.jpeg
    quality: int = 95
    chroma: Chroma = Chroma.full


_SAMPLING = {
    Chroma.full: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    Chroma.half: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    Chroma.quarter: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}
_SUFFIX = {Format.jpeg: ".jpg", Format.png: ".png", Format.webp: ".webp"}
_LARGEST_SIDE = {Format.jpeg: 65_500, Format.png: 1_000_000, Format.webp: 16_383}


def decode(
    data: bytes, *, max_pixels: int = MAX_PIXELS, background: tuple[int, int, int] = _WHITE
) -> Pixels:
    """Decode an image file to upright uint8 RGB of shape (H, W, 3).

    Raises UnreadableImage, with the reason, for anything that is not a whole image of at most
    `max_pixels` pixels.
    """
    if not data:
        raise UnreadableImage("the file is empty")
    if data.startswith(JPEG_MAGIC):
        return _decode_jpeg(data, max_pixels, background)
    if data.startswith(PNG_MAGIC):
        return _decode_png(data, max_pixels, background)
    pixels, orientation = _by_pillow(data, max_pixels, background)
    return turn(pixels, orientation)


def _by_opencv(data: bytes, flags: int = _COLOUR) -> npt.NDArray[Any] | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        kind = "JPEG" if data.startswith(JPEG_MAGIC) else "PNG"
        raise UnreadableImage(f"the {kind} data is broken, or more than can be decoded") from error


def _by_pillow(
    data: bytes, max_pixels: int, background: tuple[int, int, int]
) -> tuple[Pixels, int]:
    from augcli.image.pillow import decode_by_pillow  # an import that most data sets never need

    return decode_by_pillow(data, max_pixels, background)


def _decode_jpeg(data: bytes, max_pixels: int, background: tuple[int, int, int]) -> Pixels:
    """By OpenCV, but for the kinds of JPEG that it does not decode as this module promises to."""
    header = jpeg_header(data)
    if header is None:
        raise UnreadableImage("the JPEG header is broken or cut off")
    check_size(header.width, header.height, max_pixels)
    if data.rfind(END_OF_IMAGE, header.scan) < 0:
        raise UnreadableImage("the JPEG data is truncated")
    check_scans(data, header)
    pixels = None
    if header.components in (1, 3) and header.precision == 8 and not header.xyb:
        pixels = _by_opencv(data)
        if pixels is not None and _has_grey_corner(pixels):
            _check_end(data, header, pixels)
    if pixels is None:
        pixels, _ = _by_pillow(without_texts(data, header), max_pixels, background)
    return turn(pixels, header.orientation)


def _has_grey_corner(pixels: Pixels) -> bool:
    """Whether a corner is of the grey that libjpeg shows where data are missing."""
    value, rows, columns = pixels.item, (0, -1), (0, -1)
    return any(
        value(row, column, 0) == value(row, column, 1) == value(row, column, 2) == _MISSING
        for row in rows
        for column in columns
    )


def _check_end(data: bytes, header: JpegHeader, pixels: Pixels) -> None:
    """Raise UnreadableImage where a JPEG has an end mark but lacks data before it: then what is
    written there shows, else it is passed over."""
    end = data.find(END_OF_IMAGE, header.scan)
    filled = _by_opencv(data[:end] + _FILLER + END_OF_IMAGE)
    if filled is None or not np.array_equal(filled, pixels):
        raise UnreadableImage("the JPEG data is truncated, though it has an end mark")


def _decode_png(data: bytes, max_pixels: int, background: tuple[int, int, int]) -> Pixels:
    """Grey and RGB of 8 bits by OpenCV, and of any depth where a colour is transparent, as Pillow
    compares it in 8 bits; all others by Pillow."""
    header = png_header(data)
    check_size(header.width, header.height, max_pixels)
    image = still(data, header)
    pixels = None
    if header.colour_type in (GREY, RGB):
        if header.transparency:
            pixels = _with_transparent_colour(image.data, header, max_pixels, background)
        elif header.depth == 8:
            pixels = _by_opencv(image.data)
    if pixels is None:
        pixels, _ = _by_pillow(image.data, max_pixels, background)
    if (image.width, image.height) != (header.width, header.height):
        canvas = np.empty((header.height, header.width, 3), np.uint8)
        canvas[...] = background
        canvas[image.row :, image.column :][: image.height, : image.width] = pixels
        pixels = canvas
    return turn(pixels, header.orientation)


def _with_transparent_colour(
    data: bytes, header: PngHeader, max_pixels: int, background: tuple[int, int, int]
) -> Pixels:
    """Grey or RGB with the one colour replaced that tRNS names, compared in all bits."""
    channels = 1 if header.colour_type == GREY else 3
    if len(header.transparency) != 2 * channels:
        raise UnreadableImage("the PNG has a transparent colour of a wrong length")
    samples = _by_opencv(data, cv2.IMREAD_UNCHANGED)
    if samples is None:
        _by_pillow(data, max_pixels, background)  # which says why
        raise UnreadableImage("the PNG data is broken")
    kind = np.uint16 if header.depth == 16 else np.uint8
    samples = samples.reshape(*samples.shape[:2], -1)[..., ::-1]
    if samples.dtype != kind or samples.shape[2] != channels:
        raise UnreadableImage("the PNG data is of another kind than its header says")
    colour = np.frombuffer(header.transparency, ">u2") & (1 << header.depth) - 1
    if header.depth < 8:
        colour = colour * (255 // ((1 << header.depth) - 1))
    high = samples >> 8 if header.depth == 16 else samples
    pixels = np.empty((*samples.shape[:2], 3), np.uint8)
    pixels[...] = high
    pixels[(samples == colour).all(axis=2)] = background
    return pixels


def output_format(data: bytes, choice: Format) -> Format:
    """The format to write for a target with these bytes: `choice`, or its own for `same`."""
    if choice is not Format.same:
        return choice
    if data.startswith(JPEG_MAGIC):
        return Format.jpeg
    return Format.webp if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else Format.png


def largest_side(file_format: Format) -> int:
    """The most pixels a side that files of a format hold; of `same`, those of any."""
    return _LARGEST_SIDE.get(file_format, max(_LARGEST_SIDE.values()))


def suffix(file_format: Format) -> str:
    """The file name suffix of a format, with its dot."""
    return _SUFFIX[file_format]


def encode(image: Image, file_format: Format, encoding: Encoding) -> memoryview:
    """Encode uint8 RGB (H, W, 3), or parts that make it, to the bytes of a file.

    Raises UnreadableImage where the format cannot hold an image of this size.
    """
    height, width = image.shape[:2]
    if max(height, width) > _LARGEST_SIDE[file_format]:
        raise UnreadableImage(
            f"{width} x {height} pixels are too many a side for {file_format.value};"
            " choose another --format or a --size"
        )
    if file_format is Format.jpeg:
        options = [
            cv2.IMWRITE_JPEG_QUALITY,
            encoding.quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            _SAMPLING[encoding.chroma],
        ]
    elif file_format is Format.webp:
        options = [cv2.IMWRITE_WEBP_QUALITY, encoding.quality]
    else:
        options = []
    done, data = cv2.imencode(_SUFFIX[file_format], bgr_of(image), options)
    if not done:
        raise UnreadableImage(f"{width} x {height} pixels cannot be encoded as {file_format.value}")
    return data.data
