"""What the labels beside images mean: integers are class ids, texts are names, captions none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from augcli.data.label_column import LabelColumn
from augcli.data.label_kinds import OR_MULTI, OR_UNLABELLED, items_of, with_sets
from augcli.data.labels import label_index, shown
from augcli.data.listing import Listing
from augcli.data.sample_rows import with_rows
from augcli.data.samples import LABEL_KEYS, LARGEST_LABEL, Gathered, is_integer, list_of
from augcli.data.samples import Labels as Texts
from augcli.data.select import take
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import count_text, did_you_mean, listed, shorten

LARGEST_ID = 999_999
_NAMED = 5


def with_labels(
    listing: Listing,
    gathered: Gathered,
    of_image: npt.NDArray[np.int64],
    options: SourceOptions,
    source: Path,
) -> tuple[Listing, npt.NDArray[np.int64]]:
    """The samples of a listing with the labels that stand beside them, and what `of_image` says of
    these.

    The label is that in .cls, or in .json under the key of `options.label_column`, else `label`,
    `cls`, `class` or `class_name`; where neither is beside any image, that in .txt, unless these
    are captions. Raises UserError where an image has none.
    """
    classes: Sequence[str]
    is_labelled = options.labels is not Labels.none
    if is_labelled and gathered.rows.count:
        listing = with_rows(listing, gathered.rows, options, source)
        samples = np.flatnonzero(np.frombuffer(gathered.is_sample, np.bool_))
        if not len(samples):
            raise UserError(f"SOURCE {source} has no image named like key.jpg; rename them.")
        of_files = gathered.left_out.warnings()
        listing = replace(take(listing, samples), warnings=(*listing.warnings, *of_files))
        return listing, of_image[samples]
    labels, warning = _labels(gathered, source) if is_labelled else (gathered.labels, "")
    is_sample = np.frombuffer(gathered.is_sample, np.bool_)
    numbers = np.frombuffer(labels.numbers, np.int32)
    if not is_sample.all():  # `key.seg.png` is a mask, as WebDataset's readers see it
        samples = np.flatnonzero(is_sample)
        if not len(samples):
            raise UserError(f"SOURCE {source} has no image named like key.jpg; rename them.")
        listing, numbers, of_image = take(listing, samples), numbers[samples], of_image[samples]
    if options.labels is Labels.none:
        of_files = gathered.left_out.warnings()
        return replace(listing, warnings=(*listing.warnings, *of_files)), of_image
    if numbers.min() < 0:
        first = shown(listing.relative_path(int(np.argmax(numbers < 0))))
        if options.label_column is not None and labels is not gathered.texts:
            beside = f"give it a .json with {options.label_column}"
        else:
            beside = "put a .cls, or a .json with a label,"
        raise UserError(
            f"SOURCE {source}: {first} has no label; {beside} right beside it (at most"
            f" {LARGEST_LABEL} bytes)."
        )
    names = list(labels.texts)
    if options.labels is Labels.multi:
        listing = _with_targets(listing, names, numbers, options, source)
        classes, class_of, warnings = listing.classes, listing.class_of, [warning]
    elif labels.are_names:
        classes = label_index(names)
        ids = {name: class_id for class_id, name in enumerate(classes)}
        class_of = np.array([ids[name] for name in names], np.int32)[numbers]
        warnings = [warning]
    else:
        classes, class_of, gap = _number_by_value(names, numbers, options, source, listing)
        warnings = [warning, gap]
    return (
        replace(
            listing,
            classes=tuple(classes),
            class_of=class_of,
            warnings=(
                *filter(None, warnings),
                *gathered.unread.warnings(str(source)),
                *gathered.left_out.warnings(),
            ),
        ),
        of_image,
    )


def _with_targets(
    listing: Listing,
    texts: Sequence[str],
    numbers: npt.NDArray[np.int32],
    options: SourceOptions,
    source: Path,
) -> Listing:
    """The listing with the labels of each image, which `numbers` tell by their places in `texts`:
    lists, or what stands between separators. Integers are class ids where all are."""

    column = LabelColumn(lambda _: f"SOURCE {source}", options.classes, options.labels)
    items_of_texts: list[list[int | str]] = []
    for text in texts:
        items = list_of(text)
        if items is None and is_integer(text):
            items = [text]
        if items is None:
            items = items_of(text, options.label_separator, lambda: f"SOURCE {source}")
        items_of_texts.append(items)
    are_ids = all(is_integer(str(item)) for items in items_of_texts for item in items)
    for number, items in enumerate(items_of_texts):
        column.add([int(item) if are_ids else str(item) for item in items], number)
    classes, ids = column.classes()
    keys, ends = column.soft_ids, column.soft_ends
    starts = [0, *ends]
    of_text = [[int(ids[key]) for key in keys[a:b]] for a, b in pairwise(starts)]
    return with_sets(replace(listing, classes=classes), (of_text[n] for n in numbers.tolist()))


def _number_by_value(
    texts: Sequence[str],
    numbers: npt.NDArray[np.int32],
    options: SourceOptions,
    source: Path,
    listing: Listing,
) -> tuple[Sequence[str], npt.NDArray[np.int32], str]:
    """The classes of integers, of which `numbers` says the place in `texts` for each image; the
    class id of each image, which is its integer; and a warning where ids have no image.

    Classes have the names in `options.classes`, else those of the numbers. Raises UserError for a
    number that is no class id.
    """
    values = [int(text) for text in texts]
    most = LARGEST_ID if options.classes is None else len(options.classes) - 1
    for place, (text, value) in enumerate(zip(texts, values, strict=True)):
        index = 0 if 0 <= value <= most else int(np.argmax(numbers == place))
        if 0 <= value <= most or numbers[index] != place:
            continue
        label = f"{shown(listing.relative_path(index))} has the label {shorten(text, 40)}"
        if value > most and options.classes is not None:
            raise UserError(
                f"SOURCE {source}: {label}, and --classes names the ids 0 to {most}; add the others"
                " to that file."
            )
        raise UserError(
            f"SOURCE {source}: {label}, and integer labels are class ids, 0 to {LARGEST_ID:,}; fix"
            " it, or write labels as names."
        )
    class_of = np.array(values, np.int32)[numbers]
    classes = options.classes or tuple(map(str, range(max(values) + 1)))
    absent = sorted(set(range(max(values) + 1)) - set(values)) if options.classes is None else []
    if not absent:
        return classes, class_of, ""
    some = ", ".join(map(str, absent[:_NAMED])) + (", ..." if len(absent) > _NAMED else "")
    has = "has" if len(absent) == 1 else "have"
    return (
        classes,
        class_of,
        f"{source}: {count_text(len(absent), 'class id')} of {len(classes)} {has} no image"
        f" ({some}), as integer labels are class ids.",
    )


def _labels(gathered: Gathered, source: Path) -> tuple[Texts, str]:
    """The labels that count, and a warning about them; raises UserError where there are none."""
    column, labels, texts = gathered.column, gathered.labels, gathered.texts
    if column == "txt" and texts.texts:
        return texts, ""
    if labels.texts:
        return labels, ""
    keys = _shown_keys(list(gathered.keys))
    if column is not None:
        hint = did_you_mean(column, gathered.keys)
        has = f"the .json beside the images have {keys}" if keys else "there is no .json"
        raise UserError(
            f"SOURCE {source} has no label under --label-column {shorten(column, 60)}{hint}: {has}."
        )
    if any(key in LABEL_KEYS for key in gathered.keys):
        raise UserError(
            f"SOURCE {source}: no .json has a label that is an integer or a text of at most"
            f" {LARGEST_LABEL} bytes; fix them, or {OR_MULTI}."
        )
    if keys:
        raise UserError(
            f"SOURCE {source}: the .json beside the images have no label but {keys}, and a caption"
            " is no label; name the key that holds the label with --label-column, or"
            f" {OR_UNLABELLED}."
        )
    if not (texts.texts or texts.are_long):
        raise UserError(
            f"SOURCE {source} holds images without folders and without labels; put a folder a"
            f" class or a .cls beside each into the archive, or {OR_UNLABELLED}."
        )
    if _are_captions(texts):
        first = shorten(next(iter(texts.texts), "of several lines"), 60)
        raise UserError(
            f"SOURCE {source}: the .txt beside the images look like captions ({first}), which are"
            " no labels; put a .cls beside each, give --label-column txt if they are labels, or"
            f" {OR_UNLABELLED}."
        )
    return texts, (
        f"{source}: the {count_text(len(texts.texts), 'text')} in the .txt beside the images are"
        " read as their labels."
    )


def _are_captions(texts: Texts) -> bool:
    """Whether texts say something about single images: they are of several words, and more than one
    for two images."""
    if texts.are_long:
        return True
    several = any(" " in text for text in texts.texts)
    return several and 2 * len(texts.texts) > len(texts.numbers)


def _shown_keys(keys: list[str]) -> str:
    if not keys:
        return ""
    more = [f"{len(keys) - _NAMED} more"] if len(keys) > _NAMED else []
    return listed([*(shorten(key, 60) or "''" for key in keys[:_NAMED]), *more], "and")
