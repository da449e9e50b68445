"""What the first bytes of an image file say, read without decoding it."""

from __future__ import annotations

import io
import re
import warnings
from typing import NamedTuple

from augcli.errors import UnreadableImage

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = 0xC2
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_APP2 = 0xE2
# In entropy-coded data a 255 stands before 0 or a restart marker, and nothing else.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_PNG_COMMON_CHUNKS = frozenset({b"tRNS", b"eXIf"})


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise UnreadableImage for an image without pixels or with more than `max_pixels`."""
    if width <= 0 or height <= 0:
        raise UnreadableImage(f"the header claims {width} x {height} pixels")
    if width * height > max_pixels:
        raise UnreadableImage(
            f"{width} x {height} pixels exceed the limit of {max_pixels:,} (--max-pixels)"
        )


def upright_size(data: bytes) -> tuple[int, int]:
    """(height, width) of the upright image that a file holds, by its header alone.

    Raises UnreadableImage where it is not that of an image.
    """
    png = png_header(data) if data.startswith(PNG_MAGIC) else None
    if png is not None and not png.special:
        return png.height, png.width
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                tags = getattr(image, "tag_v2", {})
                if "exif" in image.info:
                    tags = Image.Exif()
                    tags.load(image.info["exif"])
                turned = tags.get(0x0112) in (5, 6, 7, 8)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImage(reason) from error
    return (width, height) if turned else (height, width)


class JpegHeader(NamedTuple):
    """Frame facts of a JPEG stream; `xyb` is its colour space, `scan` the offset at which its
    entropy-coded data begins, `lossless` is process 14, `progressive` the Huffman-coded one that
    shows an image better and better."""

    width: int
    height: int
    components: int
    precision: int
    xyb: bool
    scan: int
    lossless: bool
    progressive: bool


def jpeg_header(data: bytes) -> JpegHeader | None:
    """Walk the marker segments of ITU-T T.81 up to the first scan.

    Returns None where the stream breaks off or is malformed before it.
    """
    end = len(data)
    at = 2
    frame: tuple[int, int, int, int] | None = None
    lossless = progressive = False
    xyb = False
    while at + 4 <= end:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2:
            return None
        if marker == 0xDA:
            if frame is None:
                return None
            height, width, components, precision = frame
            scan = at + 2 + length
            return JpegHeader(
                width, height, components, precision, xyb, scan, lossless, progressive
            )
        if marker in _START_OF_FRAME:
            if at + 10 > end:
                return None
            height = int.from_bytes(data[at + 5 : at + 7])
            width = int.from_bytes(data[at + 7 : at + 9])
            frame = height, width, data[at + 9], data[at + 4]
            lossless = marker in _LOSSLESS
            progressive = marker == _PROGRESSIVE
        elif marker == _APP2:
            xyb = xyb or is_xyb_profile(data[at + 4 : at + 2 + length])
        at += 2 + length
    return None


def lacks_scans(data: bytes, header: JpegHeader) -> bool:
    """Whether a progressive JPEG ends before its scans have told every coefficient to its last bit:
    then decoders show it blurred."""
    exact = [[False] * 64 for _ in range(256)]
    seen: set[int] = set()
    at = data.rfind(b"\xff\xda", 0, header.scan)
    while 0 <= at < len(data) - 4 and data[at + 1] != 0xD9:
        length = int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == 0xDA:
            count = data[at + 4]
            tail = data[at + 5 : at + 2 + length]
            if len(tail) != 2 * count + 3:
                return True
            first, last, bits = tail[-3:]
            for component in tail[: 2 * count : 2]:
                seen.add(component)
                if bits & 15 == 0:
                    exact[component][first : last + 1] = [True] * (last + 1 - first)
        found = _MARKER.search(data, at + 2 + length)
        at = -1 if found is None else found.start()
    return not all(all(exact[component][:64]) for component in seen)


def is_xyb_profile(profile: bytes) -> bool:
    """Whether an ICC profile is that of the XYB colour space, as JPEG XL's coder writes it: its
    pixels are no RGB at all until they are converted."""
    return "XYB".encode("utf-16-be") in profile[:512]


def jpeg2000_depth(data: bytes) -> int:
    """The bits a sample of a JPEG 2000 file or code stream, by its SIZ segment (ITU-T T.800)."""
    at = data.find(b"\xff\x4f\xff\x51")
    return (data[at + 42] & 0x7F) + 1 if 0 <= at < len(data) - 42 else 8


class PngHeader(NamedTuple):
    """The IHDR facts of a PNG file, and whether it carries transparency or EXIF chunks."""

    width: int
    height: int
    depth: int
    colour_type: int
    special: bool


def png_header(data: bytes) -> PngHeader | None:
    """Read IHDR and the chunk names up to the first IDAT; None where the file is malformed."""
    if data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    special = False
    at = 33
    while data[at + 4 : at + 8] != b"IDAT":
        if at + 8 > len(data):
            return None
        special = special or data[at + 4 : at + 8] in _PNG_COMMON_CHUNKS
        at += 12 + int.from_bytes(data[at : at + 4])
    return PngHeader(width, height, data[24], data[25], special)
