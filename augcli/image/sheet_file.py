"""Contact sheets as files, which say that they are: no other picture is ever replaced by one."""

from __future__ import annotations

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from augcli.arrays.types import UInt8

MARK = "augcli preview"
_SOFTWARE = 0x0131  # the EXIF tag


def encode_sheet(pixels: UInt8, suffix: str) -> bytes:
    """A sheet (uint8 RGB, (H, W, 3)) as the bytes of a PNG, JPEG or WebP file with the mark;
    raises OSError or ValueError where the format cannot hold it."""
    image, file = Image.fromarray(pixels), io.BytesIO()
    if suffix.lower() == ".png":
        about = PngInfo()
        about.add_text("Software", MARK)
        image.save(file, "PNG", pnginfo=about)
    elif suffix.lower() == ".webp":
        exif = Image.Exif()
        exif[_SOFTWARE] = MARK
        image.save(file, "WEBP", quality=95, exif=exif)
    else:
        image.save(file, "JPEG", quality=95, comment=MARK.encode())
    return file.getvalue()


def is_sheet(content: bytes) -> bool:
    """Whether the bytes of a file are those of a sheet that `encode_sheet` made."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as image:
            marks = (image.info.get("Software"), image.info.get("comment"))
            if image.format == "WEBP":
                marks = (image.getexif().get(_SOFTWARE), None)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return MARK in marks or MARK.encode() in marks
