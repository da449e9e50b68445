"""What Pillow decodes, made 8-bit RGB, and the cases in which it would be wrong.

Only the formats named here are tried: each is decoded within this process. Pillow knows others for
which it starts another program (Ghostscript for EPS), or that programs of the system decode.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageCms, ImageFile

from augcli.arrays.types import Pixels
from augcli.errors import UnreadableImage
from augcli.image.bounds import check_size
from augcli.image.containers import code_stream, webp_size, without_exif_item
from augcli.image.exif import read_orientation, stored_upright
from augcli.image.formats import BEGINNING, EXTRA, format_of, is_of_plugin, register_plugin
from augcli.image.jpeg import is_xyb_profile
from augcli.image.jpegxl import jpegxl_size
from augcli.image.png import PNG_MAGIC
from augcli.image.reasons import why_undecodable
from augcli.image.tiff import NO_RANGE, SIGNED, high_bytes, prepare_tiff

# In the order in which Pillow tries them; MPO is part of JPEG.
FORMATS = (
    "BMP", "DIB", "GIF", "JPEG", "PPM", "PNG", "AVIF", "ICO", "JPEG2000", "PCX", "SGI", "TGA",
    "TIFF", "WEBP",
)  # fmt: skip
_ICON = b"\0\0\1\0"
_TIFF = (b"II", b"MM")
# The image of an icon, and of JPEG XL, is decoded to read its size.
_SIZED_PIXELS = 100_000_000
# Bits of a TGA header's last byte: how many bits of a pixel are alpha.
_TGA_ALPHA = 15
_lock = threading.Lock()


@contextmanager
def _settings(max_pixels: int | None) -> Iterator[None]:
    """Pillow's settings of the whole process, ours for as long as one thread decodes: Pillow raises
    an error from twice the number on that it is given, and decodes no part of an image."""
    with _lock, warnings.catch_warnings():
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS = None if max_pixels is None else (max_pixels + 1) // 2
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextmanager
def _open(data: bytes, max_pixels: int) -> Iterator[tuple[Image.Image, int]]:
    """An image that is open but not decoded, and its orientation; raises UnreadableImage, also for
    what is raised meanwhile."""
    try:
        if data.startswith(b"RIFF"):
            check_size(*webp_size(data), max_pixels)
        kind = format_of(data[:BEGINNING])
        formats: tuple[str, ...] = FORMATS
        if kind is not None and register_plugin(kind):
            formats = (kind,)
            if kind == "JXL":  # decoded where it is opened
                check_size(*jpegxl_size(data), max_pixels)
        elif kind is not None and is_of_plugin(kind):
            raise UnreadableImage(f"a file of the format {kind}, which is read after `{EXTRA}`")
        orientation = read_orientation(data) if data.startswith(_TIFF) else 1
        if orientation != 1:
            data = stored_upright(data)
        elif data[4:8] == b"ftyp":
            data = without_exif_item(data)
        # Sizes are checked below, in the header's own terms; an icon is decoded here.
        with _settings(max_pixels if data.startswith(_ICON) else None):
            image = Image.open(io.BytesIO(data), formats=formats)
        with image:
            check_size(*image.size, max_pixels)
            if image.format == "TIFF":
                prepare_tiff(image, max_pixels)
            elif image.format == "JPEG2000":
                _check_code_stream(image, data)
            elif image.format in ("WEBP", "AVIF"):
                orientation = read_orientation(image.info.get("exif", b""))
            yield image, orientation
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("decoding it takes more memory than a worker may use") from error
    except Image.DecompressionBombError as error:
        reason = f"it holds more pixels than the limit of {max_pixels:,} (--max-pixels)"
        raise UnreadableImage(reason) from error
    except Exception as error:
        raise UnreadableImage(why_undecodable(error, data, FORMATS)) from error


def read_size(data: bytes) -> tuple[int, int, int]:
    """(width, height, orientation) of an image file as stored; raises UnreadableImage."""
    is_decoded = data.startswith(_ICON) or format_of(data[:BEGINNING]) == "JXL"
    limit = _SIZED_PIXELS if is_decoded else 1 << 62
    with _open(data, limit) as (image, orientation):
        return *image.size, orientation


def read_format(data: bytes) -> tuple[str, str]:
    """The format of an image file and the mode of its pixels, in Pillow's words; raises
    UnreadableImage."""
    is_decoded = data.startswith(_ICON) or format_of(data[:BEGINNING]) == "JXL"
    with _open(data, _SIZED_PIXELS if is_decoded else 1 << 62) as (image, _):
        return image.format or "", image.mode


def decode_by_pillow(
    data: bytes, max_pixels: int, background: tuple[int, int, int]
) -> tuple[Pixels, int]:
    """Decode an image file to uint8 RGB (H, W, 3) as stored, and its orientation, which is 1 for
    JPEG and PNG; raises UnreadableImage with the reason."""
    with _open(data, max_pixels) as (image, orientation):
        with _settings(max_pixels):
            image.load()
        check_size(*image.size, max_pixels)
        return _to_rgb(_eight_bits(image, data), background, _is_opaque(image, data)), orientation


def _check_code_stream(image: Image.Image, data: bytes) -> None:
    stream = code_stream(data)
    if stream is None or (stream.width, stream.height) != image.size:
        raise UnreadableImage("the JPEG 2000 header and its code stream differ in size")


def _eight_bits(image: Image.Image, data: bytes) -> Image.Image:
    """The image with the 8 high bits of its samples, where they have more and Pillow keeps them, or
    rounds white to black (JPEG 2000)."""
    stream = code_stream(data) if image.format == "JPEG2000" else None
    if stream is not None and stream.depth > 8 and image.mode in ("RGB", "RGBA"):
        import cv2  # here, as headers are read without it

        deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if deep is None or deep.dtype != np.uint16 or deep.shape[2:] != (len(image.mode),):
            raise UnreadableImage(
                f"a JPEG 2000 image of {stream.depth} bits, which is not read; convert it"
            )
        order = [2, 1, 0, 3][: len(image.mode)]
        high = (deep[..., order] >> (stream.depth - 8)).astype(np.uint8)
        return Image.fromarray(high)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return Image.fromarray(high_bytes(image))
    if image.mode == "I":
        raise UnreadableImage(SIGNED)
    if image.mode == "F":
        raise UnreadableImage(f"pixels are floating-point numbers, {NO_RANGE}")
    return image


def _is_opaque(image: Image.Image, data: bytes) -> bool:
    """Whether what stands in place of alpha is none: TGA says so by its header, and bitmaps of
    Windows by alpha that is zero everywhere."""
    if image.format == "TGA":
        return data[17] & _TGA_ALPHA == 0
    bitmap = image.format in ("BMP", "DIB") or (image.format == "ICO" and PNG_MAGIC not in data)
    return bitmap and image.mode == "RGBA" and image.getchannel("A").getextrema()[1] == 0


def _to_rgb(image: Image.Image, background: tuple[int, int, int], opaque: bool) -> Pixels:
    profile = image.info.get("icc_profile", b"") if image.format == "JPEG" else b""
    if is_xyb_profile(profile):
        xyb, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, xyb, srgb) or image
    if image.has_transparency_data and not opaque:
        layers = image.convert("RGBA")
        flat = Image.new("RGBA", layers.size, (*background, 255))
        flat.alpha_composite(layers)
        image = flat
    return np.array(image.convert("RGB"))
