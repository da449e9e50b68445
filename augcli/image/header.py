"""What the header of an image file says, of any format: its size, which decoders must not exceed,
and how it lies once upright."""

from __future__ import annotations

from typing import NamedTuple

from augcli.errors import UnreadableImage
from augcli.image.bounds import check_size
from augcli.image.exif import upright_shape
from augcli.image.jpeg import JPEG_MAGIC, jpeg_header
from augcli.image.png import PNG_MAGIC, png_header


def upright_size(data: bytes) -> tuple[int, int]:
    """(height, width) of the upright image that a file holds, as it would be decoded; only its
    header is read (of an icon, its image).

    Raises UnreadableImage, with the reason, where the header is not that of an image that is read.
    """
    if not data:
        raise UnreadableImage("the file is empty")
    if data.startswith(JPEG_MAGIC):
        jpeg = jpeg_header(data)
        if jpeg is None:
            raise UnreadableImage("the JPEG header is broken or cut off")
        width, height, orientation = jpeg.width, jpeg.height, jpeg.orientation
    elif data.startswith(PNG_MAGIC):
        png = png_header(data)
        width, height, orientation = png.width, png.height, png.orientation
    else:
        from augcli.image.pillow import read_size  # an import that most data sets never need

        width, height, orientation = read_size(data)
    check_size(width, height, width * height)
    return upright_shape(width, height, orientation)


class Header(NamedTuple):
    """What a file says of its image: pixels as they lie once upright, the format (JPEG, PNG, ...)
    and the mode in Pillow's words (RGB, L, P, I;16, ...)."""

    width: int
    height: int
    format: str
    mode: str


def describe(data: bytes) -> Header:
    """The header of an image file; raises UnreadableImage, as `upright_size`."""
    from augcli.image.pillow import read_format

    height, width = upright_size(data)
    return Header(width, height, *read_format(data))
