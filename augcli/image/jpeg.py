"""What the marker segments of a JPEG file say (ITU-T T.81), read without decoding it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from augcli.errors import UnreadableImage
from augcli.image.exif import EXIF_MARK, read_orientation

JPEG_MAGIC = b"\xff\xd8\xff"
END_OF_IMAGE = b"\xff\xd9"

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_PROGRESSIVE = 0xC2
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_TEXTS = frozenset({*range(0xE0, 0xF0), 0xFE})
_START_OF_SCAN = 0xDA
# In entropy-coded data a 255 stands before 0 or a restart marker, and nothing else.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_FILL = re.compile(rb"\xff*")
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
# Decoders take a time that grows with the square of the segments, and go over the whole image for
# each scan; real files have some hundred segments at the most, and some ten scans.
_MOST_SEGMENTS, _MOST_SCANS = 5_000, 100


class JpegHeader(NamedTuple):
    """Frame facts of a JPEG stream; `xyb` is its colour space, `scan` the offset at which its
    entropy-coded data begins, `process` the marker of its frame, `orientation` that of its first
    EXIF block."""

    width: int
    height: int
    components: int
    precision: int
    xyb: bool
    scan: int
    process: int
    orientation: int

    @property
    def lossless(self) -> bool:
        """Whether it is coded by prediction, without cosines."""
        return self.process in _LOSSLESS


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of the segments up to the first scan, whose own ends the walk; fewer
    where the stream breaks off or is malformed. Raises UnreadableImage where they are too many."""
    end = len(data)
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 4 > end or data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes
            at = _FILL.match(data, at).end() - 1  # type: ignore[union-attr]
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2:
            return
        yield marker, at, at + 2 + length
        if marker == _START_OF_SCAN:
            return
        at += 2 + length
    raise UnreadableImage(f"the JPEG has more than {_MOST_SEGMENTS:,} segments before its image")


def jpeg_header(data: bytes) -> JpegHeader | None:
    """Walk the marker segments up to the first scan.

    Returns None where the stream breaks off or is malformed before it. Raises UnreadableImage where
    the segments are too many.
    """
    frame: tuple[int, int, int, int] | None = None
    process = 0
    xyb = False
    orientation: int | None = None
    for marker, at, stop in _segments(data):
        if marker == _START_OF_SCAN:
            if frame is None:
                return None
            height, width, components, precision = frame
            return JpegHeader(
                width,
                height,
                components,
                precision,
                xyb,
                stop,
                process,
                orientation or 1,
            )
        if marker in _START_OF_FRAME:
            if at + 10 > len(data):
                return None
            height = int.from_bytes(data[at + 5 : at + 7])
            width = int.from_bytes(data[at + 7 : at + 9])
            frame = height, width, data[at + 9], data[at + 4]
            process = marker
        elif marker == _APP1:
            if orientation is None and data.startswith(EXIF_MARK, at + 4):
                orientation = read_orientation(data[at + 4 : stop])
        elif marker == _APP2:
            xyb = xyb or is_xyb_profile(data[at + 4 : min(stop, at + 600)])
    return None


def without_texts(data: bytes, header: JpegHeader) -> bytes:
    """The file without the segments that its pixels do not need: comments, EXIF, XMP, previews, and
    a colour profile unless it is that of the XYB space."""
    pieces = [data[:2]]
    for marker, at, stop in _segments(data):
        if marker == _START_OF_SCAN:
            pieces.append(data[at:])
        elif marker not in _TEXTS or marker in (_APP0, _APP14) or (marker == _APP2 and header.xyb):
            pieces.append(data[at:stop])
    return b"".join(pieces)


def check_scans(data: bytes, header: JpegHeader) -> None:
    """Raise UnreadableImage for a JPEG that has too many scans, or that is progressive and ends
    before its scans hold every coefficient to its last bit: then decoders show it blurred."""
    if header.process == _PROGRESSIVE:
        exact = [[False] * 64 for _ in range(256)]
        seen: set[int] = set()
        for tail in _scans(data, header):
            count = (len(tail) - 3) // 2
            first, last, bits = tail[-3:]
            for component in tail[: 2 * count : 2]:
                seen.add(component)
                if bits & 15 == 0:
                    exact[component][first : last + 1] = [True] * (last + 1 - first)
        if not all(all(exact[component][:64]) for component in seen):
            raise UnreadableImage("the JPEG data is truncated, though it has an end mark")
        return
    first_scan = data.rfind(b"\xff\xda", 0, header.scan)
    if header.process in _SEQUENTIAL and data[first_scan + 4] == header.components:
        return  # decoders end with the first scan
    for _ in _scans(data, header):
        pass


def _scans(data: bytes, header: JpegHeader) -> Iterator[bytes]:
    """What stands in the header of each scan behind its number of components."""
    scans = 0
    at = data.rfind(b"\xff\xda", 0, header.scan)
    while 0 <= at < len(data) - 4 and data[at + 1] != END_OF_IMAGE[1]:
        length = int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == _START_OF_SCAN:
            scans += 1
            if scans > _MOST_SCANS:
                raise UnreadableImage(f"the JPEG has more than {_MOST_SCANS} scans")
            tail = data[at + 5 : at + 2 + length]
            if len(tail) != 2 * data[at + 4] + 3:
                raise UnreadableImage("the JPEG data is truncated, though it has an end mark")
            yield tail
        following = _MARKER.search(data, at + 2 + length)
        at = -1 if following is None else following.start()


def is_xyb_profile(profile: bytes) -> bool:
    """Whether an ICC profile is that of the XYB colour space, as JPEG XL's coder writes it: its
    pixels are no RGB at all until they are converted."""
    return "XYB".encode("utf-16-be") in profile[:512]
