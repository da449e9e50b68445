"""Pixels as a PNG file without compression: exact, quick to write and to decode, and the same bytes
whatever library compresses on this machine."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from augcli.arrays.types import UInt8
from augcli.image.png import PNG_MAGIC

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_LARGEST_BLOCK = 0xFFFF
# The signature, three chunks with 12 bytes around each, 13 of a header, 6 around the data.
_FRAME, _BLOCK_HEAD = 8 + 3 * 12 + 13 + 6, 5


def plain_png(pixels: UInt8) -> bytes:
    """The PNG file of uint8 pixels of shape (H, W, C), not empty: C is 1 (grey), 3 (RGB) or 4 (RGB
    with alpha)."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter, none
    rows[:, 1:] = pixels.reshape(height, -1)
    data = rows.reshape(-1).data
    parts: list[bytes | memoryview] = [b"\x78\x01"]
    for start in range(0, len(data), _LARGEST_BLOCK):
        block = data[start : start + _LARGEST_BLOCK]
        is_last = start + _LARGEST_BLOCK >= len(data)
        parts += [struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(zlib.adler32(data).to_bytes(4))
    stream = b"".join(parts)
    return b"".join((PNG_MAGIC, *_chunk(b"IHDR", header), *_chunk(b"IDAT", stream),
                     *_chunk(b"IEND", b"")))  # fmt: skip


def plain_png_size(height: int, width: int, channels: int) -> int:
    """The bytes of the file that `plain_png` makes of pixels of this shape."""
    data = height * (1 + width * channels)
    return _FRAME + data + _BLOCK_HEAD * -(-data // _LARGEST_BLOCK)


def _chunk(name: bytes, content: bytes) -> tuple[bytes, bytes, bytes]:
    crc = zlib.crc32(content, zlib.crc32(name))
    return len(content).to_bytes(4) + name, content, crc.to_bytes(4)
