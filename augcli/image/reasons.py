"""Why a file cannot be decoded, in our words: what decoders say names their own parts."""

from __future__ import annotations

import re
import struct
from collections.abc import Collection

from PIL import Image, UnidentifiedImageError

from augcli.image.formats import BEGINNING, format_of
from augcli.image.jpeg import JPEG_MAGIC, jpeg_header
from augcli.image.png import PNG_MAGIC

# What files begin with. Those of TGA begin with nothing of their own.
_BEGINNINGS = {
    JPEG_MAGIC: "JPEG",
    PNG_MAGIC: "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\1\0": "ICO",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\x01\xda": "SGI",
    b"\x0a": "PCX",
    **{b"P%d" % kind: "PPM" for kind in range(1, 7)},
}
_OF_PLUGINS = {"JXL": "JPEG XL", "HEIF": "HEIC"}
_AVIF = (b"ftypavif", b"ftypavis")
_CUT_OFF = re.compile(
    "truncat|not processed|incomplete|end[- ]of[- ]file|only got|not enough|out of range|too short",
    re.IGNORECASE,
)
_NOT_READ = re.compile(
    "unsupported|not supported|unknown|cannot handle|no decoder|loader|not available", re.IGNORECASE
)
_NO_MEMORY = "out of memory"


def why_undecodable(error: Exception, data: bytes, formats: Collection[str]) -> str:
    """The reason for which decoding a file raised `error`; `formats` are those that are read, by
    Pillow's names."""
    name, said = format_name(data), " ".join(str(error).split())
    if isinstance(error, UnidentifiedImageError):
        return _unidentified(name, data, formats)
    if _NO_MEMORY in said:
        return "decoding it takes more memory than a worker may use"
    ends_early = name == "WebP" and int.from_bytes(data[4:8], "little") > len(data) - 8
    if ends_early or isinstance(error, EOFError | struct.error | IndexError):
        return f"the {name} data is truncated"
    if _CUT_OFF.search(said):
        return f"the {name} data is truncated"
    if isinstance(error, KeyError):
        return f"the {name} header has a value that is not known"
    if isinstance(error, NotImplementedError) or _NOT_READ.search(said):
        return f"the {name} data is of a kind that is not read; convert it, as to PNG"
    return f"the {name} data is broken"


def format_name(data: bytes) -> str:
    """What sentences call the format of a file, by its first bytes: "JPEG"; "image" for none."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:12] in _AVIF:
        return "AVIF"
    kind = format_of(data[:BEGINNING])
    if kind in _OF_PLUGINS:
        return _OF_PLUGINS[kind]
    return next((name for start, name in _BEGINNINGS.items() if data.startswith(start)), "image")


def _unidentified(name: str, data: bytes, formats: Collection[str]) -> str:
    header = jpeg_header(data) if data.startswith(JPEG_MAGIC) else None
    if header is not None:
        kind = "lossless JPEG" if header.lossless else "JPEG"
        return f"a {kind} of {header.precision} bits a sample, which is not read"
    other = _other_format(data[:16], formats)
    if other is not None:
        return f"a file of the format {other}, which is not decoded; convert it, as to PNG"
    begins = f", though it begins like a file of {name}" if name != "image" else ""
    return f"not an image in a format that is read{begins}"


def _other_format(beginning: bytes, formats: Collection[str]) -> str | None:
    """The format, of those that Pillow knows and that are not read here, of a file that begins so:
    only its first bytes are looked at."""
    for name, (_, accept) in Image.OPEN.items():
        if name not in formats and accept is not None and accept(beginning) is True:
            return name
    return None
