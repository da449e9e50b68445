"""Bytes to pixels and back.

Whatever the file holds, the rest of the program sees upright uint8 RGB of shape (H, W, 3):

- EXIF orientation is applied; colour profiles are not (pixels are taken as they are stored),
  but for JPEGs in the XYB space, which are converted to sRGB.
- Grey is repeated over three channels. Palettes are looked up. CMYK is converted as Pillow does.
- Alpha is flattened on a background colour (white unless told otherwise).
- 16-bit samples keep their 8 high bits. 32-bit integers and floats have no stated range: refused.
- Of animated and multi-page files the first frame is taken.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from augcli.choices import Chroma, Format
from augcli.errors import UnreadableImage
from augcli.image.collage import Image, bgr_of
from augcli.image.header import (
    JPEG_MAGIC,
    PNG_MAGIC,
    check_size,
    jpeg_header,
    lacks_scans,
    png_header,
)

Pixels = npt.NDArray[np.uint8]

_WHITE = (255, 255, 255)
_END_OF_IMAGE = b"\xff\xd9"
_MISSING = 128
_FILLER = bytes(range(1, 251)) * 16
_GREY, _RGB = 0, 2


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
    data: bytes, *, max_pixels: int = 100_000_000, background: tuple[int, int, int] = _WHITE
) -> Pixels:
    """Decode an image file to upright uint8 RGB of shape (H, W, 3).

    Raises UnreadableImage, with the reason, for anything that is not a whole image of at most
    `max_pixels` pixels.
    """
    if not data:
        raise UnreadableImage("the file is empty")
    is_jpeg = data.startswith(JPEG_MAGIC)
    if is_jpeg:
        plain = _check_jpeg(data, max_pixels)
    elif data.startswith(PNG_MAGIC):
        plain = _check_png(data, max_pixels)
    else:
        plain = False
    if plain:
        pixels = _by_opencv(data)
        if pixels is not None:
            if is_jpeg and _has_grey_corner(pixels):
                _check_end(data, pixels)
            return pixels
    from augcli.image.pillow import decode_by_pillow  # an import that most data sets never need

    return decode_by_pillow(data, max_pixels, background)


def _by_opencv(data: bytes) -> Pixels | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise UnreadableImage(f"OpenCV: {error.err or error}") from error


def _has_grey_corner(pixels: Pixels) -> bool:
    """Whether a corner is of the grey that libjpeg shows where data are missing."""
    value, rows, columns = pixels.item, (0, -1), (0, -1)
    return any(
        value(row, column, 0) == value(row, column, 1) == value(row, column, 2) == _MISSING
        for row in rows
        for column in columns
    )


def _check_end(data: bytes, pixels: Pixels) -> None:
    """Raise UnreadableImage where a JPEG has an end mark but lacks data before it: then what is
    written there shows, else it is passed over."""
    header = jpeg_header(data)
    end = -1 if header is None else data.find(_END_OF_IMAGE, header.scan)
    filled = _by_opencv(data[:end] + _FILLER + _END_OF_IMAGE)
    if filled is None or not np.array_equal(filled, pixels):
        raise UnreadableImage("the JPEG data is truncated, though it has an end mark")


def _check_jpeg(data: bytes, max_pixels: int) -> bool:
    """Whether OpenCV decodes this JPEG as this module promises to."""
    header = jpeg_header(data)
    if header is None:
        raise UnreadableImage("the JPEG header is broken or cut off")
    check_size(header.width, header.height, max_pixels)
    if data.rfind(_END_OF_IMAGE, header.scan) < 0:
        raise UnreadableImage("the JPEG data is truncated")
    if header.progressive and lacks_scans(data, header):
        raise UnreadableImage("the JPEG data is truncated, though it has an end mark")
    return header.components in (1, 3) and header.precision == 8 and not header.xyb


def _check_png(data: bytes, max_pixels: int) -> bool:
    header = png_header(data)
    if header is None:
        raise UnreadableImage("the PNG header is broken or cut off")
    check_size(header.width, header.height, max_pixels)
    if b"IEND" not in data[-64:] and data.rfind(b"IEND") < 0:
        raise UnreadableImage("the PNG data is truncated")
    return header.depth == 8 and header.colour_type in (_GREY, _RGB) and not header.special


def output_format(data: bytes, wanted: Format) -> Format:
    """The format to write for a target with these bytes: `wanted`, or its own for `same`."""
    if wanted is not Format.same:
        return wanted
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
        raise UnreadableImage(f"OpenCV could not encode {width} x {height} as {file_format.value}")
    return data.data
