"""What the chunks of a PNG file say, and the one still image that is decoded of it.

Decoders get only the chunks that its pixels need: then none of them can apply metadata by rules of
its own, or unpack gigabytes of text.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from augcli.errors import UnreadableImage
from augcli.image.exif import read_orientation

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

GREY, RGB, PALETTE = 0, 2, 3

_NAME = re.compile(rb"[A-Za-z]{4}")
_RAW_EXIF = b"Raw profile type exif\0"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_TEXT_LIMIT = 1 << 20
_MOST_CHUNKS = 1_000_000
_BROKEN = "the PNG header is broken or cut off"
_TRUNCATED = "the PNG data is truncated"


class PngHeader(NamedTuple):
    """The IHDR facts of a PNG file, its tRNS chunk (empty: none), whether it is animated, and the
    orientation of its eXIf chunk, else of its first text "Raw profile type exif"."""

    width: int
    height: int
    depth: int
    colour_type: int
    transparency: bytes
    animated: bool
    orientation: int


class Still(NamedTuple):
    """A PNG file of one image, without transparency beside its samples in grey and RGB, and where
    its upper left corner (row, column) lies on the canvas."""

    data: bytes
    width: int
    height: int
    row: int
    column: int


class _Chunk(NamedTuple):
    name: bytes
    start: int
    end: int


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """The chunks, by where their contents lie, to IEND; raises UnreadableImage where there is no
    IEND, or a chunk is not to be understood."""
    at = len(PNG_MAGIC)
    for _ in range(_MOST_CHUNKS):
        name = data[at + 4 : at + 8]
        if len(name) < 4:
            raise UnreadableImage(_TRUNCATED)
        if not _NAME.fullmatch(name):
            raise UnreadableImage("the PNG data is broken: a chunk has no name")
        start = at + 8
        at = start + int.from_bytes(data[start - 8 : start - 4]) + 4
        if name != b"IEND" and at > len(data):
            raise UnreadableImage(_TRUNCATED)
        yield _Chunk(name, start, at - 4)
        if name == b"IEND":
            return
    raise UnreadableImage(f"the PNG has more than {_MOST_CHUNKS:,} chunks")


def png_header(data: bytes) -> PngHeader:
    """Read IHDR and the chunks that say how the image is shown.

    Raises UnreadableImage where the file is malformed or cut off.
    """
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise UnreadableImage(_BROKEN)
    width, height, depth, colour_type = struct.unpack_from(">IIBB", data, 16)
    transparency = b""
    animated = pixels = False
    exif: int | None = None
    raw: bytes | None = None
    for name, start, end in _chunks(data):
        if name == b"IDAT":
            pixels = True
        elif name == b"tRNS" and not pixels:
            transparency = data[start:end]
        elif name == b"acTL" and not pixels:
            animated = True
        elif name == b"eXIf":
            if exif is None:
                exif = read_orientation(data[start:end])
        elif name in _TEXTS and raw is None and data.startswith(_RAW_EXIF, start):
            raw = _text(name, data[start + len(_RAW_EXIF) : end])
    if not pixels:
        raise UnreadableImage(_TRUNCATED)
    if exif is None:
        exif = 1 if raw is None else read_orientation(_unhex(raw))
    return PngHeader(width, height, depth, colour_type, transparency, animated, exif)


def _text(kind: bytes, content: bytes) -> bytes:
    """The text behind the keyword of a tEXt, zTXt or iTXt chunk; of a compressed one no more than
    is read of an orientation."""
    packed = kind == b"zTXt"
    if kind == b"zTXt":
        content = content[1:]
    elif kind == b"iTXt":
        packed = content[:1] == b"\1"
        content = content[2:].split(b"\0", 2)[-1]
    try:
        return zlib.decompressobj().decompress(content, _TEXT_LIMIT) if packed else content
    except zlib.error:
        return b""


def _unhex(text: bytes) -> bytes:
    """The bytes that a raw profile holds in hexadecimal digits, behind its name and length."""
    digits = b"".join(text[: 2 * _TEXT_LIMIT].split(b"\n")[3:])
    digits = re.sub(rb"\s", b"", digits)
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))
    except ValueError:
        return b""


def still(data: bytes, header: PngHeader) -> Still:
    """The image that is shown: of an animation its first frame, which the default image need not
    belong to. It is the file itself where nothing has to be left out.

    Raises UnreadableImage where it has a critical chunk that is not known, or lacks its frame.
    """
    kinds = {b"IHDR", b"IDAT", b"IEND"}
    if header.colour_type == PALETTE:
        kinds |= {b"PLTE", b"tRNS"}
    chunks = list(_chunks(data))
    for name, start, _ in chunks:
        if name == b"IHDR" and start != 16:
            raise UnreadableImage("the PNG has a second header")
        if name[:1].isupper() and name not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            raise UnreadableImage(f"the PNG has a critical chunk {name.decode()}, not known of PNG")
    if header.animated:
        frame = _hidden_frame(data, header, chunks)
        if frame is not None:
            return frame
    last = chunks[-1].end + 4
    if last == len(data) and all(name in kinds for name, _, _ in chunks):
        return Still(data, header.width, header.height, 0, 0)
    needed = (data[start - 8 : end + 4] for name, start, end in chunks if name in kinds)
    whole = b"".join((PNG_MAGIC, *needed))
    return Still(whole, header.width, header.height, 0, 0)


def _hidden_frame(data: bytes, header: PngHeader, chunks: list[_Chunk]) -> Still | None:
    """The first frame of an animation, where it is not the default image."""
    control: _Chunk | None = None
    parts: list[bytes] = []
    for chunk in chunks:
        if chunk.name == b"fcTL":
            if parts:
                break
            control = chunk
        elif chunk.name == b"IDAT" and control is not None:
            return None
        elif chunk.name == b"fdAT" and control is not None:
            parts.append(data[chunk.start + 4 : chunk.end])
    if control is None:
        return None
    if control.end - control.start != 26 or not parts:
        raise UnreadableImage("the PNG is an animation that lacks its first frame")
    width, height, column, row = struct.unpack_from(">4I", data, control.start + 4)
    if not (0 < width <= header.width - column and 0 < height <= header.height - row):
        raise UnreadableImage("the PNG is an animation whose first frame lies outside of it")
    head = struct.pack(">II", width, height) + data[24:29]
    tables = [
        data[start - 8 : end + 4]
        for name, start, end in chunks
        if name == b"PLTE" or (name == b"tRNS" and header.colour_type == PALETTE)
    ]
    pixels = b"".join(_packed(b"IDAT", part) for part in parts)
    whole = b"".join([PNG_MAGIC, _packed(b"IHDR", head), *tables, pixels, _packed(b"IEND", b"")])
    return Still(whole, width, height, row, column)


def _packed(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(content, zlib.crc32(name))
    return len(content).to_bytes(4) + name + content + crc.to_bytes(4)
