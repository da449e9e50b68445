"""What Pillow decodes, made upright 8-bit RGB, and the cases in which it would be wrong."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from augcli.errors import UnreadableImage
from augcli.image.header import (
    JPEG_MAGIC,
    check_size,
    is_xyb_profile,
    jpeg2000_depth,
    jpeg_header,
)

Pixels = npt.NDArray[np.uint8]

# Decoders are handed sizes that were checked before; Pillow's own limit would only warn.
Image.MAX_IMAGE_PIXELS = None

_PHOTOMETRIC, _PLANES, _BITS = 262, 284, 258
_WHITE_IS_ZERO, _SEPARATE = 0, 2


def decode_by_pillow(data: bytes, max_pixels: int, background: tuple[int, int, int]) -> Pixels:
    """Decode an image file to uint8 RGB (H, W, 3); raises UnreadableImage with the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                check_size(*image.size, max_pixels)
                _refuse_what_is_read_wrongly(image)
                image.load()
                eight_bits = _deep_samples(image, data)
                return _to_rgb(_upright(eight_bits, image), background)
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("decoding it takes more memory than a worker may use") from error
    except Exception as error:
        raise UnreadableImage(_reason(error, data)) from error


def _reason(error: Exception, data: bytes) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if data.startswith(b"RIFF") and int.from_bytes(data[4:8], "little") > len(data) - 8:
        return "the WebP data is truncated"
    if "cannot identify image file" not in reason:
        return reason
    header = jpeg_header(data) if data.startswith(JPEG_MAGIC) else None
    if header is not None:
        kind = "lossless JPEG" if header.lossless else "JPEG"
        return f"a {kind} of {header.precision} bits a sample, which is not read"
    return "not an image in a format that Pillow or OpenCV reads"


def _refuse_what_is_read_wrongly(image: Image.Image) -> None:
    """Pillow takes TIFF planes of 16 bits for such of 8."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None and tags.get(_PLANES) == _SEPARATE and max(tags.get(_BITS, (8,))) > 8:
        raise UnreadableImage("a TIFF with planes of 16 bits, which is not read; convert it")


def _upright(image: Image.Image, opened: Image.Image) -> Image.Image:
    """The image turned as EXIF says, where that can be read."""
    try:
        orientation = opened.getexif().get(0x0112)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError):
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _deep_samples(image: Image.Image, data: bytes) -> Image.Image:
    """The image with the 8 high bits of its samples, where they have more and Pillow keeps them, or
    rounds white to black (JPEG 2000)."""
    depth = jpeg2000_depth(data) if image.format == "JPEG2000" else 8
    if depth > 8 and image.mode in ("RGB", "RGBA"):
        deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if deep is None or deep.dtype != np.uint16 or deep.shape[2:] != (len(image.mode),):
            raise UnreadableImage(f"a JPEG 2000 image of {depth} bits, which OpenCV does not read")
        order = [2, 1, 0, 3][: len(image.mode)]
        high = (deep[..., order] >> (depth - 8)).astype(np.uint8)
        return Image.fromarray(high)
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if sixteen:
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        tags = getattr(image, "tag_v2", {})
        if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            high = np.uint8(255) - high
        return Image.fromarray(high)
    if image.mode in ("I", "F"):
        kind = "32-bit integers, or signed ones," if image.mode == "I" else "floating-point numbers"
        raise UnreadableImage(f"pixels are {kind}, which have no stated range; convert to 8 bits")
    return image


def _to_rgb(image: Image.Image, background: tuple[int, int, int]) -> Pixels:
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
