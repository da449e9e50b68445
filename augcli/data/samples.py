"""The samples in tar archives: images, and what stands beside them, by their keys (WebDataset)."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field
from typing import BinaryIO

from augcli.data.columns import UnreadColumns
from augcli.data.labels import printable
from augcli.data.left_out import LeftOut, has_suffix, is_of_other_format
from augcli.data.listing import ListingBuilder
from augcli.data.sample_rows import SampleRows, is_row
from augcli.data.tar_headers import LARGEST_RECORD, Member, read_at
from augcli.image.formats import image_suffixes

LARGEST_LABEL = 255
LABEL_KEYS = ("label", "cls", "class", "class_name")
LIST_KEYS = (*LABEL_KEYS, "labels", "classes")
# What begins the text that stands for a list, which no label holds.
_LIST = "\0"
# Different texts beside images, and endings of names, that are remembered.
_MOST_TEXTS, _MOST_ENDINGS = 100_000, 1_000
_CLASS, _JSON, _TEXT = b"cls", b"json", b"txt"


@dataclass(slots=True)
class Labels:
    """A label an image, as its number in `texts`, -1 for none. `are_names` where one of them is no
    integer, `are_long` where one is too long for a label."""

    texts: dict[str, int] = field(default_factory=dict)
    numbers: array[int] = field(default_factory=lambda: array("i"))
    are_names: bool = False
    are_long: bool = False

    def number(self, text: str, is_name: bool) -> int:
        number = self.texts.get(text)
        if number is None:
            number = self.texts[text] = len(self.texts)
        self.are_names |= is_name
        return number


@dataclass(slots=True)
class Gathered:
    """The images of archives. A group are neighbours with one key, whose label may stand before
    or behind its images.

    `rows` are the soft labels of rows of augcli, where such stand beside the images.
    `column` is the key of JSON that has the labels, or `cls` or `txt` for members with that ending.
    `is_multi` says that an image may have several, or none.
    `inner` are the folders of `builder` as they are in the archive, `others` those of all other
    members. `is_sample` says of each image whether it is `key.jpg`, and no mask as `key.seg.png`.
    """

    column: str | None = None
    is_multi: bool = False
    builder: ListingBuilder = field(default_factory=ListingBuilder)
    spans: array[int] = field(default_factory=lambda: array("Q"))
    labels: Labels = field(default_factory=Labels)
    texts: Labels = field(default_factory=Labels)
    inner: list[bytes] = field(default_factory=list)
    others: dict[bytes, None] = field(default_factory=dict)
    is_sample: bytearray = field(default_factory=bytearray)
    at_top: bool = False
    has_classes: bool = False
    described: int = 0
    keys: dict[str, None] = field(default_factory=dict)
    rows: SampleRows = field(default_factory=SampleRows)
    left_out: LeftOut = field(default_factory=LeftOut)
    unread: UnreadColumns = field(default_factory=lambda: UnreadColumns("key"))
    _endings: dict[bytes, tuple[bool, bool]] = field(default_factory=dict)
    _classes: dict[bytes, int] = field(default_factory=dict)
    _archive: tuple[int, ...] = ()
    _prefix: bytes = b""
    _folder: bytes | None = None
    _number: int = 0
    _key: bytes | None = None
    _label: int = -1
    _text: int = -1
    _is_described: bool = False

    def begin(self, archive: tuple[int, ...], prefix: bytes) -> None:
        """From now on, spans begin with `archive`, and paths with `prefix`."""
        self._archive, self._prefix, self._folder, self._key = archive, prefix, None, None

    @property
    def is_webdataset(self) -> bool:
        """Whether the labels stand beside the images: where some have no folder, there are .cls
        members, a key of labels is given, all have a label, or the folders are img2dataset's."""
        count = len(self.labels.numbers)
        return (
            self.at_top
            or self.has_classes
            or self.column is not None
            or (bool(self.labels.texts) and min(self.labels.numbers) >= 0)
            or (self.described == count and all(map(is_shard_number, self.inner)))
        )

    def add(self, member: Member, file: BinaryIO) -> None:
        """Note a member of an archive that is open as `file`."""
        folder, _, name = member.name.rpartition(b"/")
        if member.is_folder:
            self.others[member.name] = None
            return
        if member.is_hidden:
            if has_suffix(name):
                self.left_out.add("hidden", [member.name])
            return
        stem, _, ending = name.partition(b".")
        key = folder + b"/" + stem
        if key != self._key:
            self.close_group()
            self._key = key
        is_image, is_sample = self._endings.get(ending) or self._look_at(ending)
        if is_image:
            self._add_image(folder, name, member.span, is_sample)
            return
        ending = ending.lower()
        if ending in (_CLASS, _JSON, _TEXT) and member.is_file:
            offset, size = member.span
            self._is_described |= ending != _CLASS
            if ending != _TEXT or self._wants_texts():
                self._read(ending, read_at(file, offset, min(size, LARGEST_RECORD)))
        elif is_of_other_format(name):
            self.left_out.add("format", [self._prefix + member.name])
        else:
            self.left_out.add("no image", [self._prefix + member.name])
        self.others[folder] = None

    def _look_at(self, ending: bytes) -> tuple[bool, bool]:
        """Whether what follows the first dot of a name, that is not hidden, is of an image, and of
        one that is a sample."""
        what = has_suffix(b"key." + ending), b"." + ending.lower() in image_suffixes()
        if len(self._endings) < _MOST_ENDINGS:
            self._endings[ending] = what
        return what

    def _add_image(
        self, folder: bytes, name: bytes, span: tuple[int, int], is_sample: bool
    ) -> None:
        if folder != self._folder:
            whole = self._prefix + folder if folder else self._prefix[:-1]
            self._folder, self._number = folder, self.builder.folder(whole)
            if self._number == len(self.inner):
                self.inner.append(folder)
        self.builder.add(self._number, name, 0)
        self.spans.extend(self._archive + span)
        self.is_sample.append(is_sample)
        self.at_top |= not folder

    def _wants_texts(self) -> bool:
        """Whether .txt members may be labels: where .json stand beside, they are captions."""
        if self.column is not None:
            return self.column == "txt"
        return not self.keys and len(self.texts.texts) < _MOST_TEXTS

    def _read(self, ending: bytes, data: bytes) -> None:
        if ending == _JSON:
            values = _object(data)
            if values is not None:
                if self.column is None and is_row(values):
                    self.rows.note(values)
                else:
                    self._note_keys(values)
                text, is_name = _label_of(values, self.column, self.is_multi)
                if text is not None and self._label < 0:
                    self._label = self.labels.number(text, is_name)
            return
        known = self._classes.get(data) if ending == _CLASS else None
        if known is not None:
            self._label = known
            return
        label = _label(data.strip())
        if label is None and self.is_multi and not data.strip():
            label = list_text([])
        if label is None:
            self.texts.are_long |= ending == _TEXT and bool(data.strip())
            return
        if ending == _TEXT:
            self._text = self.texts.number(label, not is_integer(label))
        elif self.column in (None, "cls"):
            self.has_classes = True
            self._label = self.labels.number(label, not is_integer(label))
            if len(self._classes) < _MOST_TEXTS and len(data) <= LARGEST_LABEL:
                self._classes[data] = self._label

    def _note_keys(self, values: dict[str, object]) -> None:
        for key, value in values.items():
            if len(self.keys) < _MOST_TEXTS:
                self.keys[key] = None
            own = LIST_KEYS if self.is_multi else LABEL_KEYS
            if key != self.column if self.column else key not in own:
                self.unread.add(key, value)

    def close_group(self) -> None:
        """The images since the last call have all that stands beside them."""
        count = len(self.builder) - len(self.labels.numbers)
        if count:
            for _ in range(count):
                self.labels.numbers.append(self._label)
                self.texts.numbers.append(self._text)
            self.described += count if self._is_described else 0
        self.rows.close(count)
        self._label = self._text = -1
        self._is_described = False


def is_shard_number(folder: bytes) -> bool:
    """Whether a folder is named as a shard of img2dataset, as 00012."""
    return len(folder) >= 5 and folder.isdigit()


def is_integer(text: str) -> bool:
    """Whether a label is an integer, as `int` reads it."""
    return text.isascii() and text.removeprefix("-").isdecimal()


def _object(data: bytes) -> dict[str, object] | None:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):  # also of a million digits
        return None
    return values if isinstance(values, dict) else None


def list_text(items: list[int | str]) -> str:
    """The text that stands for several labels among those of images."""
    return _LIST + json.dumps(items)


def list_of(text: str) -> list[int | str] | None:
    """The labels that a text stands for; None where it is one itself."""
    return list(json.loads(text[1:])) if text.startswith(_LIST) else None


def _label_of(
    values: dict[str, object], column: str | None, is_multi: bool
) -> tuple[str | None, bool]:
    """The label in the object of a .json member, if there is one, and whether it is a name."""
    key = column or next(
        (key for key in (LIST_KEYS if is_multi else LABEL_KEYS) if key in values), ""
    )
    value = values.get(key)
    if is_multi and isinstance(value, list):
        if not all(type(one) is int or (isinstance(one, str) and one.strip()) for one in value):
            return None, False
        items = [printable(one.strip().encode("utf-8", "replace")) if isinstance(one, str) else one
                 for one in value]  # fmt: skip
        return list_text(items), True
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None, False
    try:
        text = _label(str(value).strip().encode("utf-8", "surrogateescape"))
    except ValueError:  # half a character, or a million digits
        return None, False
    return text, isinstance(value, str)


def _label(text: bytes) -> str | None:
    return printable(text) if 0 < len(text) <= LARGEST_LABEL and b"\n" not in text else None
