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

import io
import warnings
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from augcli.choices import Chroma, Format
from augcli.errors import UnreadableImage
from augcli.image.header import (
    JPEG_MAGIC,
    PNG_MAGIC,
    is_xyb_profile,
    jpeg_header,
    png_header,
)

Pixels = npt.NDArray[np.uint8]

# Both decoders are handed sizes that were checked before; Pillow's own limit would only warn.
Image.MAX_IMAGE_PIXELS = None

_WHITE = (255, 255, 255)
_END_OF_IMAGE = b"\xff\xd9"
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
    if data.startswith(JPEG_MAGIC):
        plain = _check_jpeg(data, max_pixels)
    elif data.startswith(PNG_MAGIC):
        plain = _check_png(data, max_pixels)
    else:
        plain = False
    if plain:
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        except cv2.error as error:
            raise UnreadableImage(f"OpenCV: {error.err or error}") from error
        if pixels is not None:
            return pixels
    return _decode_by_pillow(data, max_pixels, background)


def _check_jpeg(data: bytes, max_pixels: int) -> bool:
    """Whether OpenCV decodes this JPEG as this module promises to."""
    header = jpeg_header(data)
    if header is None:
        raise UnreadableImage("the JPEG header is broken or cut off")
    _check_size(header.width, header.height, max_pixels)
    if data.rfind(_END_OF_IMAGE, header.scan) < 0:
        raise UnreadableImage("the JPEG data is truncated")
    return header.components in (1, 3) and header.precision == 8 and not header.xyb


def _check_png(data: bytes, max_pixels: int) -> bool:
    header = png_header(data)
    if header is None:
        raise UnreadableImage("the PNG header is broken or cut off")
    _check_size(header.width, header.height, max_pixels)
    if b"IEND" not in data[-64:] and data.rfind(b"IEND") < 0:
        raise UnreadableImage("the PNG data is truncated")
    return header.depth == 8 and header.colour_type in (_GREY, _RGB) and not header.special


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width <= 0 or height <= 0:
        raise UnreadableImage(f"the header claims {width} x {height} pixels")
    if width * height > max_pixels:
        raise UnreadableImage(
            f"{width} x {height} pixels exceed the limit of {max_pixels:,} (--max-pixels)"
        )


def _decode_by_pillow(data: bytes, max_pixels: int, background: tuple[int, int, int]) -> Pixels:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                _check_size(*image.size, max_pixels)
                image.load()
                upright = ImageOps.exif_transpose(image)
                return _to_rgb(upright, background)
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("decoding it takes more memory than a worker may use") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if "cannot identify image file" in reason:
            reason = "not an image in a format that Pillow or OpenCV reads"
        raise UnreadableImage(reason) from error


def _to_rgb(image: Image.Image, background: tuple[int, int, int]) -> Pixels:
    mode = image.mode
    if mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if mode in ("I", "F"):
        kind = "32-bit integers" if mode == "I" else "floating-point numbers"
        raise UnreadableImage(f"pixels are {kind}, which have no stated range; convert to 8 bits")
    profile = image.info.get("icc_profile", b"")
    if is_xyb_profile(profile):
        xyb, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, xyb, srgb) or image
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        flat = Image.new("RGBA", layers.size, (*background, 255))
        flat.alpha_composite(layers)
        image = flat
    return np.array(image.convert("RGB"))


def output_format(data: bytes, wanted: Format) -> Format:
    """The format to write for a target with these bytes: `wanted`, or its own for `same`."""
    if wanted is not Format.same:
        return wanted
    if data.startswith(JPEG_MAGIC):
        return Format.jpeg
    return Format.webp if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else Format.png


def suffix(file_format: Format) -> str:
    """The file name suffix of a format, with its dot."""
    return _SUFFIX[file_format]


def encode(image: Pixels, file_format: Format, encoding: Encoding) -> memoryview:
    """Encode uint8 RGB (H, W, 3) to the bytes of a file.

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
    done, data = cv2.imencode(_SUFFIX[file_format], cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise UnreadableImage(f"OpenCV could not encode {width} x {height} as {file_format.value}")
    return data.data
