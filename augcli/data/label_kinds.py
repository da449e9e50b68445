"""Labels of another kind than a reader lists: several classes an image, or none."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from augcli.data.labels import label_index
from augcli.data.listing import NO_CLASS, Listing
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.files import parse_json
from augcli.text import shorten

# Ends of sentences about labels that an option would read.
OR_MULTI = "give --multi-label if an image may have several classes or none"
OR_UNLABELLED = "give --unlabelled to use images without labels"
RANGE = "not numbers from 0 to 1"
_BLANKS = " \t\r\n\v\f"


def with_label_kind(listing: Listing, options: SourceOptions, source: str, kind: str) -> Listing:
    """A listing, and those of its other splits, with labels of the kind that the options ask for.

    A reader that lists one class an image need not know of others: names of its classes are divided
    at the separator. Raises UserError where there is none, and where no image has a class.
    """
    if options.labels is Labels.none:
        return _without_labels(listing)
    if options.labels is Labels.single:
        return listing
    if listing.labels is Labels.single:
        if options.label_separator is None:
            raise UserError(
                f"SOURCE {source}, {kind}, has one class for each image; say with --label-separator"
                " what stands between the names of several, or leave out --multi-label."
            )
        listing = _divided(listing, options.label_separator, source)
    if not len(listing.soft_ids if listing.soft_ids is not None else ()):
        raise UserError(f"SOURCE {source} has no class for any image; {OR_UNLABELLED}.")
    return listing


def _without_labels(listing: Listing) -> Listing:
    return replace(
        listing,
        classes=(),
        class_of=np.full(len(listing), NO_CLASS, np.int32),
        soft_ids=None,
        soft_weights=None,
        soft_ends=None,
        labels=Labels.none,
        others=tuple(map(_without_labels, listing.others)),
    )


def _divided(listing: Listing, separator: str, source: str) -> Listing:
    """The listing with each class as the set of those in its name."""
    if listing.soft_ids is not None and len(listing.soft_ids) != len(listing):
        raise UserError(
            f"SOURCE {source} has weights for its classes, and is not read with --multi-label;"
            " leave that out."
        )
    of_class = [divided(name, separator) for name in listing.classes]
    classes = label_index(name for names in of_class for name in names)
    places = {name: place for place, name in enumerate(classes)}
    ids = [[places[name] for name in names] for names in of_class]

    def divide(part: Listing) -> Listing:
        rows = (ids[at] if at >= 0 else [] for at in part.class_of.tolist())
        return with_sets(replace(part, classes=classes), rows)

    return replace(divide(listing), others=tuple(map(divide, listing.others)))


def with_sets(listing: Listing, rows: Iterable[Sequence[int]]) -> Listing:
    """The listing with a set of class ids for each image, as its label."""
    ids, ends, class_of = array("i"), array("q"), array("i")
    for row in rows:
        ids.extend(row)
        ends.append(len(ids))
        class_of.append(row[0] if row else NO_CLASS)
    return replace(
        listing,
        class_of=np.array(class_of, np.int32),
        soft_ids=np.array(ids, np.int32),
        soft_weights=np.ones(len(ids)),
        soft_ends=np.array(ends, np.int64),
        labels=Labels.multi,
    )


def refuse_separator(options: SourceOptions, source: str, what: str) -> None:
    """Raise UserError where SOURCE has `what`, in which nothing is divided."""
    if options.label_separator is not None:
        raise UserError(
            f"--label-separator has no effect on SOURCE {source}, which has {what}; leave it out."
        )


def divided(text: str, separator: str) -> list[str]:
    """The names in a text, each once, without blanks around them."""
    parts = (part.strip(_BLANKS) for part in text.split(separator))
    return list(dict.fromkeys(part for part in parts if part))


def items_of(value: object, separator: str | None, where: Callable[[], str]) -> list[int | str]:
    """The names or ids in the label of an image that may have several, each once: those in a list,
    or in a text between separators. None, an empty text and -1 are none.

    Raises UserError for what is neither, and for a text where nothing says how it is divided.
    """
    if value is None or (type(value) is int and value == NO_CLASS):
        return []
    if type(value) is int:
        return [value]
    if isinstance(value, str):
        if separator is not None:
            return list(divided(value, separator))
        if not value.strip(_BLANKS):
            return []
        if value.lstrip().startswith("["):
            return items_of(_parsed(value, where), None, where)
        raise UserError(
            f"{where()}: the label {shorten(value, 60)} is a text; say with --label-separator what"
            " stands between the names of several classes."
        )
    if isinstance(value, (list, tuple)):
        items = list(_checked_items(value, where))
        return list(dict.fromkeys(items))
    raise UserError(
        f"{where()}: the label {shorten(str(value), 60)} is neither a list nor a text nor an"
        " integer; fix it, or choose another --label-column."
    )


def _parsed(text: str, where: Callable[[], str]) -> list[object]:
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise UserError(f"{where()}: the label {shorten(text, 60)} is no list as JSON; fix it.")
    return value


def _checked_items(items: Sequence[object], where: Callable[[], str]) -> Iterator[int | str]:
    for item in items:
        if type(item) is int:
            yield item
        elif isinstance(item, str) and item.strip(_BLANKS):
            yield item.strip(_BLANKS)
        else:
            raise UserError(
                f"{where()}: {shorten(str(item), 60) or 'an empty text'} in its list of labels is"
                " neither a name nor an integer; fix it."
            )


def refuse_list(where: str) -> UserError:
    """The error of a label that is a list, where each image has one class."""
    return UserError(f"{where}: its label is a list; write one class, or {OR_MULTI}.")


def are_targets(weights: Sequence[float]) -> bool:
    """Whether each of some weights is a target of multi-label data: from 0 to 1."""
    return all(math.isfinite(weight) and 0.0 <= weight <= 1.0 for weight in weights)
