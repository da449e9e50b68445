"""Reads the idx files of MNIST and of those made like it: Fashion-MNIST, KMNIST, EMNIST.

Pixels are taken as they lie; those of EMNIST are mirrored along the diagonal there, as all its
readers see them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from augcli.data.array_labels import ArrayInMemory, ArrayLabels, read_labels
from augcli.data.class_numbers import Numbered, name_classes
from augcli.data.inner_splits import join_splits
from augcli.data.label_kinds import refuse_separator
from augcli.data.listing import Listing
from augcli.data.pieces import GZIP, unpack_start
from augcli.data.pixel_rows import Rows, check_rows, list_rows, read_row
from augcli.data.source_options import SourceOptions
from augcli.data.splits import choose_split
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.files import open_regular, size_text
from augcli.text import count_text, listed
from augcli.text_files import LARGEST_LIST, read_text

KIND = "a folder with idx files"
OPTIONS: frozenset[str] = frozenset({"split"})
_NAME = re.compile(
    r"(?:(?P<set>.+)-)?(?P<split>train|t10k|test)-(?P<what>images|labels)[-.]idx[1-3]-ubyte"
    r"(?P<gz>\.gz)?"
)
_SPLITS = {"train": "train", "t10k": "test", "test": "test"}
_RAW = "raw"  # the folder in which torchvision keeps them
_UNSIGNED_BYTE = 8
_MOST_DIMENSIONS = 4


def recognises(source: Path) -> bool:
    """Whether it is an idx file, or a folder with images in idx files, by their names."""
    if not source.is_dir():
        return _NAME.fullmatch(source.name) is not None
    return _folder(source) is not None


def _folder(source: Path) -> Path | None:
    """The folder of a source that has the files: torchvision's ROOT/MNIST/raw also by its ROOT,
    where nothing else is in that."""
    visible = (path for path in source.iterdir() if not path.name.startswith("."))
    inner = list(islice(visible, 2))
    for folder in (source, source / _RAW, *(path / _RAW for path in inner if len(inner) == 1)):
        if folder.is_dir() and any(
            name["what"] == "images"
            for name in (_NAME.fullmatch(path.name) for path in folder.iterdir())
            if name
        ):
            return folder
    return None


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the training images of a folder of idx files, in their order, with those of the test
    split as another; files may be compressed with gzip.

    Names of classes come from EMNIST's mapping, else from --classes, else labels are names. Raises
    UserError where a file is missing or broken, for images and labels that differ in number, and
    where the folder holds several data sets.
    """
    folder = _folder(source) if source.is_dir() else None
    if folder is None:
        raise UserError(f"SOURCE {source} is one idx file of several; give the folder of them.")
    files: dict[tuple[str, str], Path] = {}
    data_sets: set[str] = set()
    for path in sorted(folder.iterdir()):  # a compressed one stands behind the same one unpacked
        name = _NAME.fullmatch(path.name)
        if name:
            data_sets.add(name["set"] or "")
            files.setdefault((_SPLITS[name["split"]], name["what"]), path)
    if len(data_sets) > 1:
        several = listed(sorted(name or "one without a name" for name in data_sets), "and")
        raise UserError(
            f"SOURCE {source} holds several data sets ({several}); put the files of each into a"
            " folder of its own."
        )
    labels: dict[str, ArrayLabels] = {}
    rows: dict[str, Rows] = {}
    for split in sorted({split for split, _ in files}):
        images, beside = files.get((split, "images")), files.get((split, "labels"))
        if images is None or (beside is None and options.labels is not Labels.none):
            there, other = (images, "images") if beside is None else (beside, "labels")
            missing = "labels" if other == "images" else "images"
            raise UserError(f"SOURCE {source} has no {missing} for {there}; add them.")
        rows[split] = _read_rows(images)
        count = rows[split].count
        if beside is None or options.labels is Labels.none:
            labels[split] = ArrayLabels(str(images), np.zeros(count, np.int64))
        else:
            labels[split] = _read_labels(beside, count, images, options.labels)
    chosen = choose_split(rows, options.split, str(source))
    names = _mapping(folder, data_sets.pop())
    classes = _classes(labels, names, options, str(source))
    listings = {
        name: replace(
            list_rows(folder, [rows[name]], one.classes_of, classes, one.soft),
            labels=Labels.multi if options.labels is Labels.multi else Labels.single,
        )
        for name, one in labels.items()
    }
    return join_splits(listings, chosen)


def _classes(
    labels: Mapping[str, ArrayLabels],
    names: Sequence[str] | None,
    options: SourceOptions,
    source: str,
) -> tuple[str, ...]:
    if options.labels is not Labels.multi:
        numbers = [Numbered(one.where, one.classes_of) for one in labels.values()]
        return name_classes(numbers, names, options, source)
    refuse_separator(options, source, "a target for each class")
    widths = [
        Numbered(one.where, np.array([(one.classes or 1) - 1]), None) for one in labels.values()
    ]
    return name_classes(widths, names, options, source)


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The image as a PNG file; raises UnreadableImage and OSError."""
    return read_row(listing, index, limit, wbits=GZIP)


def _read_start(path: Path, size: int) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(size)
        return unpack_start(path, 0, GZIP, size) if path.suffix == ".gz" else data
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _read_shape(path: Path, dimensions: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Where the values begin, and how many there are along each axis."""
    data = _read_start(path, 4 + 4 * _MOST_DIMENSIONS)
    if len(data) < 4 or data[:2] != b"\0\0" or len(data) < 4 + 4 * data[3]:
        raise UserError(f"{path} is no idx file: it begins otherwise; download it again.")
    if data[2] != _UNSIGNED_BYTE or data[3] not in dimensions:
        raise UserError(
            f"{path} holds values of type {data[2]} along {count_text(data[3], 'axis', 'axes')};"
            f" unsigned bytes ({_UNSIGNED_BYTE}) along {listed(map(str, dimensions))} are read."
        )
    shape = tuple(int.from_bytes(data[4 + 4 * axis :][:4]) for axis in range(data[3]))
    return 4 + 4 * data[3], shape


def _read_rows(path: Path) -> Rows:
    offset, (count, height, width, *more) = _read_shape(path, (3, 4))
    channels = more[0] if more else 1
    stride, packed = height * width * channels, int(path.suffix == ".gz")
    name = path.name.encode().removesuffix(b".gz")
    rows = Rows(path.name.encode(), name, offset, stride, count, height, width, channels, packed)
    check_rows(rows, str(path), path.stat().st_size, f"run gunzip -k {path}")
    if not packed and path.stat().st_size < offset + count * stride:
        raise UserError(
            f"{path} ends before the last of its {count_text(count, 'image')}; download it again."
        )
    return rows


def _read_labels(path: Path, images: int, of: Path, labels: Labels) -> ArrayLabels:
    """The labels of so many images: one number each, or 0 and 1 for each class."""
    is_multi = labels is Labels.multi
    offset, (count, *more) = _read_shape(path, (2,) if is_multi else (1,))
    if count != images:
        raise UserError(
            f"{of} has {count_text(images, 'image')} and {path} {count_text(count, 'label')}; give"
            " files that belong together."
        )
    size = count * (more[0] if more else 1)
    if size > LARGEST_LIST:
        raise UserError(f"{path} holds more than {size_text(LARGEST_LIST)} of labels.")
    data = _read_start(path, offset + size)[offset:]
    if len(data) < size:
        raise UserError(
            f"{path} ends before the last of its {count_text(count, 'label')}; download it again."
        )
    values = np.frombuffer(data, np.uint8)
    if not is_multi:
        return ArrayLabels(str(path), values.astype(np.int64))
    return read_labels(ArrayInMemory(str(path), values.reshape(count, -1)), count, labels)


def _mapping(folder: Path, data_set: str) -> list[str] | None:
    """The names of EMNIST's classes: lines of a label and the codes of its characters. A label that
    is not there (0 of letters) is its own name."""
    file = folder / f"{data_set}-mapping.txt"
    if not data_set or not file.is_file():
        return None
    names: dict[int, str] = {}
    try:
        for line, text in enumerate(read_text(file, LARGEST_LIST).split("\n"), 1):
            if text.strip():
                label, code = (int(word) for word in text.split()[:2])
                if not 0 <= label < 256 or not 0x20 < code < 0x7F:
                    raise ValueError(f"line {line} is no label and code of a character")
                names[label] = chr(code)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{file} cannot be read: {error}.") from error
    return [names.get(label, str(label)) for label in range(max(names, default=-1) + 1)] or None
