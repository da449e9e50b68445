"""What the boxes and chunks of WebP, AVIF and JPEG 2000 files say, read without decoding them."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from augcli.errors import UnreadableImage

_STREAM_MAGIC = b"\xff\x4f\xff\x51"
# An entry for an item of the kind "Exif": version and flags, number, protection (ISO 23008-12).
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)


class CodeStream(NamedTuple):
    """The size of a JPEG 2000 code stream, and the bits of its first component (ITU-T T.800)."""

    width: int
    height: int
    depth: int


def code_stream(data: bytes) -> CodeStream | None:
    """The SIZ segment of a JPEG 2000 file or code stream; None where there is none."""
    at = 0
    while not data.startswith(_STREAM_MAGIC, at):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        if kind == b"jp2c":
            size = head
        if len(kind) < 4 or size < head:
            return None
        at += size
    if at + 43 > len(data):
        return None
    x1, y1, x0, y0 = struct.unpack_from(">4I", data, at + 8)
    return CodeStream(x1 - x0, y1 - y0, (data[at + 42] & 0x7F) + 1)


def webp_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a WebP file's canvas; raises UnreadableImage."""
    kind = data[12:16]
    if data[8:12] == b"WEBP" and len(data) >= 30:
        if kind == b"VP8X":
            width, height = data[24:27], data[27:30]
            return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
        if kind == b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
    raise UnreadableImage("the WebP header is broken or cut off")


def without_exif_item(data: bytes) -> bytes:
    """An AVIF file whose EXIF no reader finds: there the item's own turn and mirror count, and a
    broken EXIF block would cost the image."""
    return _EXIF_ITEM.sub(rb"\1skip", data)
