"""Images of a source that are not read, counted for one warning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from augcli.data.labels import shown
from augcli.text import count_text

SUFFIXES = frozenset(
    b".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif .ppm .pgm .pbm .pnm .avif .jp2 .j2k"
    b" .jpx .ico .tga .dib .pcx .sgi .mpo".split()
)
# Of images that nothing here decodes.
_OTHER_SUFFIXES = frozenset(
    b".heic .heif .hif .jxl .apng .psd .eps .svg .wmf .emf .xbm .xpm .exr .hdr .dng .cr2 .cr3 .nef"
    b" .arw .orf .rw2 .raf .raw".split()
)
# Entries that are looked at in a hidden folder, and in all of them.
_ENTRIES_OF_A_FOLDER = 2_000
_ENTRIES = 50_000


def is_image_name(name: bytes) -> bool:
    """Whether a file's suffix is that of an image; hidden files are none."""
    return has_suffix(name) and not name.startswith(b".")


def has_suffix(name: bytes) -> bool:
    """Whether a file's suffix is that of an image."""
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122


def is_of_other_format(name: bytes) -> bool:
    """Whether a file's suffix is that of an image of a format that is not read."""
    return os.path.splitext(name)[1].lower() in _OTHER_SUFFIXES  # noqa: PTH122


@dataclass(slots=True)
class LeftOut:
    """How many images of a source are left out for each reason, and the first of them."""

    _counts: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    _entries: int = _ENTRIES
    _some_unseen: bool = False

    def add(self, reason: str, paths: Sequence[bytes]) -> None:
        """Count paths below SOURCE: `no file`, `loose`, `hidden`, or `format`."""
        if paths:
            count, first = self._counts.get(reason, (0, paths[0]))
            self._counts[reason] = count + len(paths), first

    def add_hidden_folder(self, root: bytes, folder: bytes) -> None:
        """Count the images in a hidden folder, of the entries that are looked at; no link is
        followed."""
        left = min(_ENTRIES_OF_A_FOLDER, self._entries)
        pending = [folder]
        for inner in pending:
            images: list[bytes] = []
            try:
                with os.scandir(root + b"/" + inner) as entries:
                    for entry in entries:
                        if left == 0:
                            self._some_unseen = True
                            break
                        left -= 1
                        self._entries -= 1
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(inner + b"/" + entry.name)
                        elif has_suffix(entry.name):
                            images.append(inner + b"/" + entry.name)
            except OSError:
                continue
            self.add("hidden", sorted(images))

    def warnings(self) -> Iterator[str]:
        """A sentence about what is no file, and one about images."""
        if "no file" in self._counts:
            count, _ = self._counts["no file"]
            yield (
                f"{count_text(count, 'entry', 'entries')} of SOURCE with the name of an image left"
                f" out, as a dead link or a pipe is no file {self._first('no file')}."
            )
        parts = [
            f"{self._at_least(reason)}{self._counts[reason][0]} {what} {self._first(reason)}"
            for reason, what in (
                ("loose", "beside the class folders"),
                ("hidden", "with a hidden name or in hidden folders"),
                ("format", "of formats that are not read"),
            )
            if reason in self._counts
        ]
        if parts:
            total = sum(count for reason, (count, _) in self._counts.items() if reason != "no file")
            at_least = self._at_least("hidden") if "hidden" in self._counts else ""
            yield (
                f"{at_least}{count_text(total, 'image')} of SOURCE left out: {', '.join(parts)}."
            )

    def _at_least(self, reason: str) -> str:
        return "at least " if reason == "hidden" and self._some_unseen else ""

    def _first(self, reason: str) -> str:
        count, first = self._counts[reason]
        return f"({shown(first)})" if count == 1 else f"(the first is {shown(first)})"
