"""Parts of a stream that Snappy compressed, without unpacking what lies before them.

Snappy's compressors divide their input into blocks of 64 KiB, of which none refers to another one.
The format does not promise it: each stream is looked at first.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

BLOCK = 1 << 16
# Elements of a stream are looked at one by one: of images, which do not shrink, there are few.
_BYTES_AN_ELEMENT = 128


def find_blocks(data: bytes) -> Sequence[int] | None:
    """Where the block of each 64 KiB begins in a stream, and where the last one ends; None where
    blocks refer to each other, or elements are too many. Raises IndexError where it is cut off."""
    at = shift = size = 0
    while True:
        byte = data[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    blocks, done, start = array("q"), 0, 0
    left = 1024 + len(data) // _BYTES_AN_ELEMENT
    while done < size:
        if done == start:
            blocks.append(at)
            start += BLOCK
        left -= 1
        tag = data[at]
        kind, length = tag & 3, (tag >> 2) + 1
        if kind == 0:
            more = max(length - 60, 0)
            if more:
                length = int.from_bytes(data[at + 1 : at + 1 + more], "little") + 1
            at += 1 + more + length
            distance = 0
        elif kind == 1:
            length = ((tag >> 2) & 7) + 4
            distance = (tag >> 5) << 8 | data[at + 1]
            at += 2
        else:
            width = 2 if kind == 2 else 4
            distance = int.from_bytes(data[at + 1 : at + 1 + width], "little")
            at += 1 + width
        if left == 0 or distance > done - (start - BLOCK) or done + length > start:
            return None
        done += length
    blocks.append(at)
    return blocks


def stream_of(packed: bytes, size: int) -> bytes:
    """A stream of its own that holds the `size` bytes of consecutive blocks."""
    head = bytearray()
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + packed
