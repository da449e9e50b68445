"""Soft labels, and the names of classes."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from string import hexdigits
from typing import NamedTuple
from urllib.parse import quote

from augcli.published import CLASSES, ERRORS, MANIFEST, MAPS_INDEX
from augcli.text import shorten

# The folder of outputs that lie in no folder of a class.
IMAGES = "images"
# Bytes; file systems take 255 of them in a name.
_LONGEST_FOLDER = 240
# Files that stand beside class folders, and what loaders take for such.
_OURS = frozenset(
    (MANIFEST, "metadata.csv", "metadata.parquet", CLASSES, MAPS_INDEX, f"{MAPS_INDEX}.tmp", ERRORS)
)  # fmt: skip
_DEVICES = frozenset(("con", "prn", "aux", "nul", "conin$", "conout$")) | {
    f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"
}


class SoftLabel(NamedTuple):
    """Class ids with their weights: parallel, each id once, weights > 0 and summing to 1.

    Of multi-label data each weight is by itself at most 1, and there may be none, as there is none
    without labels.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def dominant(self) -> int:
        """The id of greatest weight; of equal ones the first, which is the target's."""
        return self.ids[self.weights.index(max(self.weights))]


def one_hot(class_id: int) -> SoftLabel:
    """All weight on one class."""
    return SoftLabel((class_id,), (1.0,))


NO_CLASSES = SoftLabel((), ())


def mix(labels: Sequence[SoftLabel], shares: Sequence[float]) -> SoftLabel:
    """The linear mixture of soft labels; classes without weight are left out."""
    total: dict[int, float] = {}
    for label, share in zip(labels, shares, strict=True):
        for class_id, weight in zip(label.ids, label.weights, strict=True):
            total[class_id] = total.get(class_id, 0.0) + share * weight
    weights = {class_id: weight for class_id, weight in total.items() if weight > 0.0}
    return SoftLabel(tuple(weights), tuple(weights.values()))


def smooth(label: SoftLabel, epsilon: float, classes: int) -> SoftLabel:
    """Label smoothing, (1 - epsilon) * y + epsilon / K over K classes (Szegedy et al., 2016)."""
    if epsilon == 0.0:
        return label
    everywhere = SoftLabel(tuple(range(classes)), (1.0 / classes,) * classes)
    return mix([label, everywhere], [1.0 - epsilon, epsilon])


def dense(label: SoftLabel, classes: int) -> list[float]:
    """One weight a class, in class order."""
    weights = [0.0] * classes
    for class_id, weight in zip(label.ids, label.weights, strict=True):
        weights[class_id] = weight
    return weights


def printable(name: bytes) -> str:
    """A file or class name as text that any reader takes, reversible by `from_printable`.

    Valid UTF-8 stands as it is, but for control characters and the backslash; other bytes become
    `\\xNN`.
    """
    text = name.decode("utf-8", "surrogateescape")
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character == "\\" or code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return character


def shown(name: bytes) -> str:
    """A file or class name as part of a sentence: printable, and cut."""
    return shorten(printable(name))


def from_printable(text: str) -> bytes:
    """The bytes that `printable` was given; raises ValueError for text that it does not return."""
    head, *rest = text.split("\\x")
    pieces = [head.encode()]
    for piece in rest:
        if len(piece) < 2 or not set(piece[:2]) <= set(
            hexdigits
        ):  # int() takes signs, spaces and other digits too
            raise ValueError(f"{piece[:2]!r} are not two hexadecimal digits")
        pieces += [bytes([int(piece[:2], 16)]), piece[2:].encode()]
    return b"".join(pieces)


@lru_cache(maxsize=1 << 16)
def class_folder(class_name: str) -> str:
    """The folder that holds a class: one safe path component, distinct for distinct names."""
    folder = "".join(c if _is_safe(c) else quote(c, safe="") for c in class_name)
    if folder.startswith(".") or _is_taken(folder):
        folder = f"%{ord(folder[0]):02X}{folder[1:]}"
    if folder.endswith((".", " ")):  # which Windows drops
        folder = f"{folder[:-1]}%{ord(folder[-1]):02X}"
    if len(folder.encode()) > _LONGEST_FOLDER:
        digest = hashlib.blake2b(class_name.encode(), digest_size=8).hexdigest()
        folder = f"{folder[: _LONGEST_FOLDER // 8]}%{digest}"
    return folder or "%"


def _is_taken(folder: str) -> bool:
    """Whether a name is one of ours beside class folders, or a device's on Windows, however it is
    written there: in any case, and with any ending."""
    name = folder.lower()
    return name in _OURS or name.partition(".")[0].rstrip(" ") in _DEVICES


def _is_safe(character: str) -> bool:
    return character not in '%/\\:*?"<>|' and character.isprintable()


def class_order(name: str) -> tuple[str, str]:
    """What classes are sorted by where names decide: their folders by code point, which is the
    order in which torchvision's ImageFolder, Keras, fastai and `datasets` list these."""
    return class_folder(name), name


def class_index(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in the order that label ids refer to, which is that of their folders."""
    return tuple(sorted(set(names), key=class_order))


def first_out_of_order(classes: Sequence[str]) -> tuple[int, int] | None:
    """The first class id that ImageFolder's sorting of the folders does not give to its class, and
    the id that it gives; None where all agree. Classes are given in the order of their ids."""
    order = sorted(range(len(classes)), key=lambda class_id: class_order(classes[class_id]))
    for place, class_id in enumerate(order):
        if place != class_id:
            return place, order.index(place)
    return None


def split_lines(text: str) -> list[str]:
    """The lines of a text that ends with a newline. Unlike `str.splitlines`, it divides at newlines
    only: a class may be named with a line separator of Unicode."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def label_index(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in id order where somebody wrote labels down: numbers by their value (`01` is
    another name than `1`, and stands before it), else names as `class_index` has them."""
    distinct = set(names)
    if all(name.isascii() and name.isdecimal() and len(name) < 19 for name in distinct):
        return tuple(sorted(distinct, key=lambda name: (int(name), name)))
    return class_index(distinct)


def classes_alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of class names that differ only in case or in Unicode normal form, each in the order
    given: some file systems hold their folders for one."""
    groups: dict[str, list[str]] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
        groups.setdefault(folded, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]
