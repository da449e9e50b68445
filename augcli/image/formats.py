"""Which files are images: by their suffixes, and by their first bytes.

HEIC and JPEG XL are read where the plugin of Pillow for them is installed.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

# What Pillow opens of the formats that are decoded here.
_SUFFIXES = frozenset(
    b".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .bmp .dib .tif .tiff .gif .ppm .pgm .pbm .pnm"
    b" .avif .avifs .jp2 .j2k .j2c .jpc .jpf .jpx .ico .tga .icb .vda .vst .pcx .sgi .rgb .rgba"
    b" .bw".split()
)
# Of images that nothing here decodes.
_OTHER_SUFFIXES = frozenset(
    b".psd .psb .eps .ps .svg .svgz .wmf .emf .xbm .xpm .exr .hdr .dng .cr2 .cr3 .nef .arw .orf"
    b" .rw2 .raf .raw .qoi .dds .icns .cur .dcx .fit .fits .ras .msp .pcd .pfm .pxr .blp .fli .flc"
    b" .im .iim .ftc .ftu .gbr .palm .xcf .jls .jxr .wdp .pdf .dcm".split()
)
# Bytes of a file by which its format is known.
BEGINNING = 64


class Plugin(NamedTuple):
    """A format that Pillow reads with a package of its own: Pillow's name of it, the package's
    module, and the suffixes of its files."""

    format: str
    module: str
    suffixes: frozenset[bytes]


PLUGINS = (
    Plugin("HEIF", "pillow_heif", frozenset((b".heic", b".heics", b".heif", b".heifs", b".hif"))),
    Plugin("JXL", "pillow_jxl", frozenset((b".jxl",))),
)
EXTRA = "pip install 'augcli[formats]'"

_MAGIC = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("AVIF", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("HEIF", re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms])", re.DOTALL)),
    ("JPEG2000", re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n")),
    ("JXL", re.compile(rb"\xff\n|\0\0\0\x0cJXL \r\n\x87\n")),
    # A bitmap's second header has one of a few sizes.
    ("BMP", re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)),
    ("PPM", re.compile(rb"P[1-6](?:\s+#[^\n]*|\s+\d+)")),
    ("ICO", re.compile(rb"\0\0\x01\0[\x01-\x40]\0...\0", re.DOTALL)),
    # Run lengths or none, one or two bytes a sample, one to three dimensions.
    ("SGI", re.compile(rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]")),
    ("PSD", re.compile(rb"8BPS\0")),
    ("QOI", re.compile(rb"qoif")),
    ("DDS", re.compile(rb"DDS ")),
    ("EXR", re.compile(rb"v/1\x01")),
)
_UNREAD = frozenset(("PSD", "QOI", "DDS", "EXR"))


@cache
def _plugins() -> dict[str, Plugin]:
    """The plugins that are installed, by their formats; none of them is imported."""
    return {plugin.format: plugin for plugin in PLUGINS if find_spec(plugin.module) is not None}


@cache
def image_suffixes() -> frozenset[bytes]:
    """The suffixes, in small letters and with their dots, of files that are decoded."""
    return _SUFFIXES.union(*(plugin.suffixes for plugin in _plugins().values()))


@cache
def other_suffixes() -> frozenset[bytes]:
    """The suffixes of images that are not decoded."""
    return _OTHER_SUFFIXES.union(*(plugin.suffixes for plugin in PLUGINS)) - image_suffixes()


def is_of_extra(suffix: bytes) -> bool:
    """Whether images with this suffix would be decoded if a plugin were installed."""
    return any(suffix in one.suffixes for one in PLUGINS if one.format not in _plugins())


def format_of(beginning: bytes) -> str | None:
    """Pillow's name for the format of a file that begins so; None where it is none, or one that no
    first bytes tell, as TGA and PCX."""
    found = next((name for name, magic in _MAGIC if magic.match(beginning)), None)
    if found is None and beginning[4:12] in (b"ftypmif1", b"ftypmsf1"):
        # The brands behind the first say which of the two it is.
        size = int.from_bytes(beginning[:4])
        found = "AVIF" if b"avif" in beginning[16:size] else "HEIF"
    return found


def is_decoded(name: str) -> bool:
    """Whether images of a format that `format_of` names are decoded."""
    return name in _plugins() or not (name in _UNREAD or is_of_plugin(name))


def is_of_plugin(name: str) -> bool:
    """Whether Pillow reads images of this format with a plugin alone."""
    return any(name == plugin.format for plugin in PLUGINS)


@cache
def register_plugin(name: str) -> bool:
    """Have Pillow open images of a format for which there is a plugin; whether it is installed."""
    plugin = _plugins().get(name)
    if plugin is None:
        return False
    try:
        module = importlib.import_module(plugin.module)
    except ImportError:  # a library that it needs is missing
        return False
    if name == "HEIF":
        module.register_heif_opener(thumbnails=False)
    return True
