"""Files of a source that are not read, or oddly placed, counted for its warnings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from augcli.data.labels import shown
from augcli.image.formats import EXTRA, image_suffixes, is_of_extra, other_suffixes
from augcli.text import count_text

# Entries that are looked at in a hidden folder, and in all of them.
_ENTRIES_OF_A_FOLDER = 2_000
_ENTRIES = 50_000
# Files that a warning names.
_NAMED = 3


def is_image_name(name: bytes) -> bool:
    """Whether a file's suffix is that of an image; hidden files are none."""
    return has_suffix(name) and not name.startswith(b".")


def suffix_of(name: bytes) -> bytes:
    """The suffix of the last part of a path in small letters, with its dot; empty where it has
    none, as names of dots and one more word have none."""
    stem, dot, ending = name.rpartition(b".")
    if not dot or b"/" in ending or not stem.rpartition(b"/")[2].strip(b"."):
        return b""
    return b"." + ending.lower()


def has_suffix(name: bytes) -> bool:
    """Whether a file's suffix is that of an image."""
    return suffix_of(name) in image_suffixes()


def is_of_other_format(name: bytes) -> bool:
    """Whether a file's suffix is that of an image of a format that is not read."""
    return suffix_of(name) in other_suffixes()


@dataclass(slots=True)
class LeftOut:
    """How many files of a source are left out for each reason, and the first of them."""

    _counts: dict[str, tuple[int, list[bytes]]] = field(default_factory=dict)
    _entries: int = _ENTRIES
    _some_unseen: bool = False
    _is_of_extra: bool = False

    def add(self, reason: str, paths: Sequence[bytes]) -> None:
        """Count paths below SOURCE: `no file`, `no image`, `loose`, `hidden`, `format`, `link
        above`, or `several classes`, which is not left out."""
        if paths:
            count, first = self._counts.get(reason, (0, []))
            first += paths[: _NAMED - len(first)]
            self._counts[reason] = count + len(paths), first
            if reason == "format":
                self._is_of_extra |= any(is_of_extra(suffix_of(path)) for path in paths)

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

    @property
    def first_other(self) -> bytes | None:
        """The first file that is no image, if there is one."""
        return self._counts["no image"][1][0] if "no image" in self._counts else None

    def warnings(self) -> Iterator[str]:
        """A sentence about links to folders above, one about folders of several classes, one about
        what is no file, one about what is no image, and one about images."""
        if "link above" in self._counts:
            count, _ = self._counts["link above"]
            lead = "leads to a folder" if count == 1 else "lead to folders"
            yield (
                f"{count_text(count, 'link')} of SOURCE left out {self._first('link above')}, as"
                f" {'it' if count == 1 else 'they'} {lead} above {'it' if count == 1 else 'them'}."
            )
        if "several classes" in self._counts:
            count, _ = self._counts["several classes"]
            lie, their = ("lies", "its") if count == 1 else ("lie", "their")
            yield (
                f"{count_text(count, 'folder')} of SOURCE {lie} in several classes by links"
                f" {self._first('several classes')}, and {their} images count in each."
            )
        if "no file" in self._counts:
            count, _ = self._counts["no file"]
            yield (
                f"{count_text(count, 'entry', 'entries')} of SOURCE with the name of an image left"
                f" out, as a dead link or a pipe is no file {self._first('no file')}."
            )
        if "no image" in self._counts:
            count, first = self._counts["no image"]
            are = "is no image" if count == 1 else "are no images"
            names = ", ".join(map(shown, first)) + (", ..." if count > len(first) else "")
            yield f"{count_text(count, 'file')} of SOURCE {are} ({names})."
        reasons = (
            ("loose", "beside the class folders"),
            ("hidden", "with a hidden name or in hidden folders"),
            ("format", "of formats that are not read"),
        )
        parts = [
            f"{self._at_least(reason)}{self._counts[reason][0]} {what} {self._first(reason)}"
            for reason, what in reasons
            if reason in self._counts
        ]
        if parts:
            total = sum(self._counts[reason][0] for reason, _ in reasons if reason in self._counts)
            at_least = self._at_least("hidden") if "hidden" in self._counts else ""
            remedy = f"; `{EXTRA}` has HEIC and JPEG XL read" if self._is_of_extra else ""
            yield (
                f"{at_least}{count_text(total, 'image')} of SOURCE left out:"
                f" {', '.join(parts)}{remedy}."
            )

    def _at_least(self, reason: str) -> str:
        return "at least " if reason == "hidden" and self._some_unseen else ""

    def _first(self, reason: str) -> str:
        count, (first, *_) = self._counts[reason]
        return f"({shown(first)})" if count == 1 else f"(the first is {shown(first)})"
