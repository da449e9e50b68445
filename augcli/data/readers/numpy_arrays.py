"""Reads images in NumPy's arrays: a folder with images.npy and labels.npy, or an .npz archive, with
the names that Keras and MedMNIST give to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from augcli.data.array_labels import ArrayLabels, read_labels
from augcli.data.class_numbers import Numbered, name_classes
from augcli.data.inner_splits import join_splits
from augcli.data.label_kinds import OR_UNLABELLED, refuse_separator
from augcli.data.labels import split_lines
from augcli.data.listing import NO_CLASS, Listing
from augcli.data.npy_files import StoredArray, open_npy, open_npz
from augcli.data.pieces import DEFLATE
from augcli.data.pixel_rows import Rows, check_rows, list_rows, read_row
from augcli.data.source_options import SourceOptions
from augcli.data.splits import choose_split
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.published import CLASSES
from augcli.text import count_text, listed, shorten
from augcli.text_files import LARGEST_LIST, read_text

KIND = "a folder with images.npy or an .npz archive"
OPTIONS: frozenset[str] = frozenset({"split"})
_SPLIT = "train|val|valid|validation|test"
_NAME = re.compile(rf"(?:({_SPLIT})_)?(images|labels)|([xy])_({_SPLIT})")
_ROLES = {"x": "images", "y": "labels"}
_NAMED = 5


def recognises(source: Path) -> bool:
    """Whether it is a .npy or .npz file, or a folder with a .npy file that is named like images."""
    if not source.is_dir():
        return source.suffix.lower() in (".npy", ".npz")
    return any(
        path.suffix == ".npy" and (role := _role(path.stem)) is not None and role[1] == "images"
        for path in source.iterdir()
    )


def _role(name: str) -> tuple[str, str] | None:
    """The split and what of it, images or labels, an array of this name is; None for neither."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    prefix, what, letter, suffix = match.groups()
    return (suffix, _ROLES[letter]) if letter else (prefix or "", what)


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List images of uint8 (n, H, W), or (n, H, W, 3), in their order, with those of other splits.

    Names of classes come from classes.txt in the folder, else from --classes, else labels are
    names. Raises UserError for arrays of another type or shape, for images without labels, and for
    what is no array.
    """
    if not source.is_dir() and source.suffix.lower() == ".npy":
        raise UserError(
            f"SOURCE {source} is one array; give the folder with images.npy and labels.npy."
        )
    refuse_separator(options, str(source), "a target for each class")
    try:
        arrays = _arrays(source)
        splits = _splits(arrays, source, options.labels)
        root = source if source.is_dir() else source.parent
        rows = {split: _rows(images, source) for split, (images, _) in splits.items()}
        labels = {
            split: _labels(beside, rows[split].count, options.labels)
            for split, (_, beside) in splits.items()
        }
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    chosen = choose_split(splits, options.split, str(source))
    classes = () if options.labels is Labels.none else _classes(source, labels, options)
    listings = {}
    for split, one in labels.items():
        listing = list_rows(root, [rows[split]], one.classes_of, classes, one.soft)
        warnings = () if one.normaliser is None else one.normaliser.warnings(str(source))
        listings[split] = replace(listing, labels=options.labels, warnings=tuple(warnings))
    return join_splits(listings, chosen)


def _labels(stored: StoredArray | None, count: int, labels: Labels) -> ArrayLabels:
    if stored is None:
        return ArrayLabels("", np.full(count, NO_CLASS, np.int64))
    return read_labels(stored, count, labels)


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The image as a PNG file; raises UnreadableImage and OSError."""
    return read_row(listing, index, limit, wbits=DEFLATE)


def _arrays(source: Path) -> Mapping[str, StoredArray]:
    if not source.is_dir():
        return open_npz(source)
    files = sorted(path for path in source.iterdir() if path.suffix == ".npy")
    return {path.stem: open_npy(path) for path in files if _role(path.stem) is not None}


def _splits(
    arrays: Mapping[str, StoredArray], source: Path, labels: Labels
) -> dict[str, tuple[StoredArray, StoredArray | None]]:
    """The images and labels of each split."""
    by_role: dict[tuple[str, str], StoredArray] = {}
    for name in sorted(arrays):
        if (role := _role(name)) is None:
            continue
        if role in by_role:
            other = next(one for one in sorted(arrays) if _role(one) == role)
            raise UserError(
                f"SOURCE {source} holds {other} and {name}, which are both {role[1]} of {role[0]};"
                " leave out one."
            )
        by_role[role] = arrays[name]
    is_labelled = labels is not Labels.none
    splits = sorted({split for split, what in by_role if is_labelled or what == "images"})
    if not splits:
        some = ", ".join(shorten(name, 40) for name in sorted(arrays)[:_NAMED]) or "nothing"
        raise UserError(
            f"SOURCE {source} holds {some}; name the arrays images and labels, or x_train and"
            " y_train."
        )
    for split, what in ((split, what) for split in splits for what in ("images", "labels")):
        if (split, what) not in by_role and (is_labelled or what == "images"):
            of = f" of {split}" if split else ""
            instead = f", or {OR_UNLABELLED}" if what == "labels" else ""
            raise UserError(f"SOURCE {source} has no {what}{of}; add them{instead}.")
    if len(splits) > 1 and "" in splits:
        others = listed([split for split in splits if split], "and")
        raise UserError(
            f"SOURCE {source} holds images of {others} and others of no split; keep one kind."
        )
    return {
        split: (by_role[split, "images"], by_role[split, "labels"] if is_labelled else None)
        for split in splits
    }


def _rows(images: StoredArray, source: Path) -> Rows:
    shape, where = images.shape, images.where
    if images.dtype.str != "|u1":
        raise UserError(
            f"{where} holds {images.dtype}, whose range is not stated; save 0 to 255 as uint8."
        )
    if len(shape) not in (3, 4):
        raise UserError(
            f"{where} has the shape {shape}; images have (n, height, width), or"
            " (n, height, width, 3)."
        )
    count, height, width, channels = (*shape, 1)[:4]
    stem = images.file.stem
    if images.packed or images.file.suffix.lower() == ".npz":
        stem = f"{stem}/{where.rpartition(', ')[2].removesuffix(',').removesuffix('.npy')}"
    name = images.file.name.encode()
    rows = Rows(name, stem.encode(), images.offset, height * width * channels, count, height, width,
                channels, images.packed)  # fmt: skip
    file_size = images.file.stat().st_size
    return check_rows(
        rows, where, file_size, f"run unzip {source} -d {source.stem} and give that folder"
    )


def _classes(
    source: Path, labels: Mapping[str, ArrayLabels], options: SourceOptions
) -> tuple[str, ...]:
    names: list[str] | None = None
    file = source / CLASSES
    if file.is_file():
        try:
            names = split_lines(read_text(file, LARGEST_LIST))
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise UserError(f"{file} cannot be read: {error}.") from error
    numbers = [
        Numbered(one.where, one.classes_of)
        if options.labels is not Labels.multi
        else Numbered(one.where, one.classes_of[one.classes_of != NO_CLASS], None)
        for one in labels.values()
    ]
    widths = {one.classes for one in labels.values() if one.classes is not None}
    if not widths:
        return name_classes(numbers, names, options, str(source))
    if len(widths) > 1 or (
        len(widths) == 1 and any(one.classes is None for one in labels.values())
    ):
        raise UserError(
            f"SOURCE {source} has splits whose labels differ in shape; give all the same classes."
        )
    (width,) = widths
    known = names if names is not None else options.classes
    if known is not None and len(known) != width:
        raise UserError(
            f"SOURCE {source} has weights for {count_text(width, 'class')}, and"
            f" {count_text(len(known), 'name')} for them; name each."
        )
    names = list(known) if known is not None else [str(number) for number in range(width)]
    return name_classes(numbers, names, options, str(source))
