"""Image files for tests, byte by byte where no library writes them so."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """The file that Pillow writes."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def exif_block(value: int, kind: int = 3, order: str = "<", count: int = 1) -> bytes:
    """An EXIF block with an orientation of a TIFF type; signed and unsigned ones are alike here."""
    size = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 7: "B", 2: "B"}[kind]
    packed = struct.pack(f"{order}{size}", value).ljust(4, b"\0")
    entries = struct.pack(f"{order}HHI", 0x0112, kind, count) + packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IH", 8, 1) + entries + bytes(4)


def xmp(orientation: int) -> bytes:
    """An XMP packet with an orientation."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
        '"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        f' tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG file."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def with_chunks(png: bytes, before: bytes = b"", behind: bytes = b"") -> bytes:
    """A PNG file with chunks behind its header, and before its end."""
    return png[:33] + before + png[33:-12] + behind + png[-12:]


def raw_profile(exif: bytes) -> bytes:
    """EXIF as ImageMagick writes it into a text of PNG."""
    whole = (b"Exif\0\0" + exif).hex().encode()
    lines = b"\n".join(whole[at : at + 72] for at in range(0, len(whole), 72))
    return b"\nexif\n%8d\n%s\n" % (len(whole) // 2, lines)
