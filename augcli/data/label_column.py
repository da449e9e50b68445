"""The labels in a column of a table, which become ids of classes: names, integers, weights."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.data.label_kinds import OR_MULTI, RANGE, are_targets, items_of
from augcli.data.labels import label_index, printable
from augcli.data.weights import BEYOND, Normaliser
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.files import parse_json
from augcli.text import count_text, did_you_mean, shorten

# More classes than any data set has; ids beyond them are no ids.
MOST_CLASSES = 1_000_000
NO_LABEL = -1
# What is dropped around names, as spaces and tabs.
BLANKS = " \t\r\n\v\f"


class LabelColumn:
    """Collects the labels of rows, one number a row, and names the classes at the end.

    Blanks around a name are no part of it. `names` are those of ids, where they are known; `where`
    makes the beginning of a sentence of a row's number. Multi-label rows have several labels or
    none, and texts of several are divided at `separator`.
    """

    def __init__(
        self,
        where: Callable[[int], str],
        names: Sequence[str] | None,
        labels: Labels = Labels.single,
        separator: str | None = None,
    ) -> None:
        self._where, self._names = where, names
        self._is_multi, self._separator = labels is Labels.multi, separator
        self._numbers: dict[int | str, int] = {}
        # Texts as they stand, of which several may name one class.
        self._texts: dict[str, int] = {}
        self._first: list[int] = []
        self._of_flags: list[int] = []
        self.normaliser = Normaliser()
        self._length: tuple[int, int] | None = None
        self.numbers = array("i")
        self.soft_ids, self.soft_weights, self.soft_ends = array("i"), array("d"), array("q")

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def count(self) -> int:
        """How many labels there are so far that differ."""
        return len(self._first)

    def add(self, value: Any, number: int) -> None:
        """Note the label in row `number`: text, or an integer. None, an empty text and -1 are no
        label. Of multi-label rows it may be a list of such."""
        if self._is_multi:
            self._add_several(value, number)
            return
        if type(value) is str:
            found = self._texts.get(value)
            if found is None:
                found = self._texts[value] = self._number(_name(value), number)
        elif value is None or (type(value) is int and value == -1):
            found = NO_LABEL
        elif type(value) is int:
            found = self._number(value, number)
        elif isinstance(value, list):
            raise UserError(
                f"{self._where(number)}: the label {shorten(_json(value), 60)} is a list; a"
                " weight for each class, with the sum 1, is read with --weights-column, the classes"
                " of an image that has several with --multi-label."
            )
        else:
            raise UserError(
                f"{self._where(number)}: the label {shorten(_json(value), 60)} is neither text nor"
                " an integer; fix it, or choose another --label-column."
            )
        self.numbers.append(found)

    def _add_several(self, value: Any, number: int) -> None:
        items = items_of(value, self._separator, lambda: self._where(number))
        keys = [self._key(item, number) for item in items]
        self.add_targets(keys, [1.0] * len(keys))

    def _key(self, item: int | str, number: int) -> int:
        if not isinstance(item, str):
            return self._number(item, number)
        found = self._texts.get(item)
        if found is None:
            found = self._texts[item] = self._number(_name(item), number)
        return found

    def add_flags(self, weights: Sequence[float], number: int) -> None:
        """Note the target of each class in row `number` of a multi-label table, by the ids of the
        classes, of which all are known."""
        if len(self._of_flags) != len(weights):
            self._of_flags = [self._number(at, number) for at in range(len(weights))]
        keys = [key for key, weight in zip(self._of_flags, weights, strict=True) if weight > 0.0]
        self.add_targets(keys, [weight for weight in weights if weight > 0.0])

    def add_targets(self, keys: Sequence[int], weights: Sequence[float]) -> None:
        """Note a row's labels by their numbers, with their weights."""
        dominant = keys[weights.index(max(weights))] if keys else NO_LABEL
        self.numbers.append(dominant)
        self.soft_ids.extend(keys)
        self.soft_weights.extend(weights)
        self.soft_ends.append(len(self.soft_ids))

    def add_weights(self, value: Any, number: int) -> None:
        """Note the weights in row `number`: a list with one for each class, or a dict of names and
        weights; either may be JSON text. None, and an empty text, are no label."""
        where = self._where(number)
        if isinstance(value, str):
            value = _parsed(value, where) if value.strip() else None
        if isinstance(value, list) and value and isinstance(value[0], tuple):  # an Arrow map
            value = dict(value)
        if value is None:
            self.numbers.append(NO_LABEL)
            self.soft_ends.append(len(self.soft_ids))
            return
        if isinstance(value, dict):
            pairs = [(key, weight) for key, weight in value.items() if weight is not None]
            weights = [weight for _, weight in pairs]
        elif isinstance(value, list):
            weights = value
        else:
            raise UserError(
                f"{where}: {shorten(_json(value), 60)} is neither a list of weights nor an object"
                " of class names and weights; fix it, or choose another --weights-column."
            )
        if not all(type(weight) in (float, int) for weight in weights):
            raise UserError(f"{where}: a weight is no number; fix it.")
        if isinstance(value, list):
            self._check_length(len(weights), number)
            ids = [at for at, weight in enumerate(weights) if weight != 0]
            for at in ids:
                self._number(at, number)
            keys = [self._numbers[at] for at in ids]
        else:
            keys = [self._number(_name(str(key)), number) for key, weight in pairs if weight != 0]
        positive = [float(one) for one in weights if one != 0]
        if self._is_multi:
            if not are_targets(positive):
                raise UserError(f"{where}: its label weights are {RANGE}; fix them.")
            kept: Sequence[float] | None = positive
        else:
            kept = self.normaliser.normalised(positive, len(weights))
        if kept is None:
            raise UserError(f"{where}: its label weights are {BEYOND}; fix them, or {OR_MULTI}.")
        if len(set(keys)) < len(keys) or NO_LABEL in keys:
            raise UserError(f"{where}: its weights name a class twice, or none; fix them.")
        self.add_targets(keys, kept)

    def _check_length(self, length: int, number: int) -> None:
        if self._length is None:
            self._length = length, number
        if length != self._length[0]:
            raise UserError(
                f"{self._where(number)}: it has {count_text(length, 'weight')}, and"
                f" {self._where(self._length[1])} {self._length[0]}; fix one."
            )

    def _number(self, key: int | str, number: int) -> int:
        if key == "":
            return NO_LABEL
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self._first)
            self._first.append(number)
        return found

    def classes(self) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        """The names of the classes, and the id of each number.

        Integers are ids; without names, each is the name of its class, and those that no row has
        stay as classes. So are integers written as text, but only where there are names, and not
        all of them are texts of rows; else they are names, in the order of their values. Raises
        UserError, with a row, for an id or a name that is none.
        """
        keys = list(self._numbers)
        integers = [key for key in keys if isinstance(key, int)]
        texts = [key for key in keys if isinstance(key, str)]
        if integers and texts:
            first = min(self._numbers[integers[0]], self._numbers[texts[0]])
            other = texts[0] if first == self._numbers[integers[0]] else integers[0]
            kind = "text" if isinstance(other, str) else "a number"
            raise UserError(
                f"{self._where(self._first[self._numbers[other]])}: the label"
                f" {shorten(_json(other), 60)} is {kind}, and those before are not; write all as"
                " ids, or all as names."
            )
        names = self._names
        if names is not None and texts and not set(texts) <= set(names):
            if all(is_id(text) for text in texts):
                integers = [int(text) for text in texts]
            else:
                names = None  # of a list that has another order: `select` says what it lacks
        if integers:
            return self._of_ids(integers, names)
        if self._length is not None and names is None:
            return self._of_ids([], None)
        ordered = label_index(texts) if names is None else tuple(names)
        places = {name: place for place, name in enumerate(ordered)}
        return ordered, np.array([places[text] for text in texts], np.int32)

    def _of_ids(
        self, ids: list[int], names: Sequence[str] | None
    ) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        length = self._length[0] if self._length is not None else max(ids, default=-1) + 1
        most = len(names) if names is not None else MOST_CLASSES
        for class_id, number in zip(ids, self._first, strict=True):
            if not 0 <= class_id < most:
                raise UserError(
                    f"{self._where(number)}: class {shorten(str(class_id))} is not one of"
                    f" {count_text(most, 'class')}; fix it, or write labels as text."
                )
        if self._length is not None and names is not None and length != len(names):
            raise UserError(
                f"{self._where(self._length[1])}: it has {count_text(length, 'weight')} for"
                f" {count_text(len(names), 'class')}; name as many classes."
            )
        named = tuple(names) if names is not None else tuple(map(str, range(length)))
        return named, np.array(ids, np.int32)

    def gaps(self) -> Iterator[str]:
        """A part of a sentence where numbers written as text are names that differ from ids."""
        texts = [key for key in self._numbers if isinstance(key, str)]
        if texts and all(map(is_id, texts)):
            for place, name in enumerate(label_index(texts)):
                if str(place) != name:
                    yield (
                        f"the labels are numbers and taken as names, so that {name} has the id"
                        f" {place}; give --classes to number them otherwise."
                    )
                    return


def is_id(text: str) -> bool:
    """Whether a text is an integer as it is written without ornament."""
    return text.isascii() and text.isdecimal() and len(text) < 10 and str(int(text)) == text


def refuse_unknown(name: str, classes: Sequence[str], where: str) -> UserError:
    """The error of a class that is none of `classes`."""
    hint = did_you_mean(name, classes)
    return UserError(f"{where}: class {shorten(name)} is not one of"
                     f" {count_text(len(classes), 'class')}{hint}; fix it.")  # fmt: skip


def _name(text: str) -> str:
    try:
        return printable(text.strip(BLANKS).encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # half a character that is no byte
        return printable(text.strip(BLANKS).encode("utf-8", "backslashreplace"))


def _parsed(text: str, where: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise UserError(
            f"{where}: {shorten(text, 60)} is neither a list of weights nor an object of class"
            " names and weights, as JSON; fix it, or choose another --weights-column."
        ) from error


def _json(value: Any) -> str:
    try:
        return json.dumps(value, default=str)
    except (ValueError, TypeError, RecursionError):
        return str(type(value).__name__)
