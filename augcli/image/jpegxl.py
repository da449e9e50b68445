"""The size of a JPEG XL image, by its header (ISO/IEC 18181-1, D.2), before anything is decoded."""

from __future__ import annotations

from augcli.errors import UnreadableImage

_MAGIC = b"\xff\n"
# Bits of a side, of which two bits before it choose.
_BITS = (9, 13, 18, 30)
# Width to height, of which three bits choose; 0 for a width of its own.
_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_MOST_BOXES = 10_000


def jpegxl_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG XL file as stored; raises UnreadableImage."""
    start = 0 if data.startswith(_MAGIC) else _code_stream(data)
    header = data[start + 2 : start + 16]
    if not data.startswith(_MAGIC, start) or len(header) < 10:
        raise UnreadableImage("the JPEG XL header is broken or cut off")
    bits, at = int.from_bytes(header, "little"), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return bits >> (at - count) & ((1 << count) - 1)

    is_small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if is_small else take(_BITS[take(2)]) + 1

    height = side()
    times, over = _RATIOS[take(3)]
    return (height * times // over if times else side()), height


def _code_stream(data: bytes) -> int:
    """Where the code stream, or its first part, begins in a container; raises UnreadableImage."""
    at = 0
    for _ in range(_MOST_BOXES):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        if kind == b"jxlc":
            return at + head
        if kind == b"jxlp":
            return at + head + 4
        if len(kind) < 4 or size < head:
            break
        at += size
    raise UnreadableImage("the JPEG XL header is broken or cut off")
