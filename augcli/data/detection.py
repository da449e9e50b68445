"""Tells data sets with boxes or masks, as YOLO, Pascal VOC and COCO have them, from folders of
classes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from augcli.data.left_out import is_image_name, suffix_of
from augcli.data.split_names import is_split_name
from augcli.errors import UserError
from augcli.files import open_regular

# Entries of a folder, folders in it, and bytes of a file that are looked at.
_ENTRIES, _FOLDERS, _BYTES = 2_000, 16, 1 << 16
_IMAGES = ("images", "image", "imgs", "img")
_MASKS = ("masks", "mask", "labels", "annotations")
_COCO = re.compile(rb'"(images|annotations|categories)"\s*:')
_COCO_NAMES = re.compile(r"instances_.*|.*coco.*|_?annotations?.*")
BOXES = "boxes and not one class for each image"
REMEDY = (
    "for classification, export it with a folder for each class, or cut the objects out of their"
    " images into such folders"
)


class _Folder(NamedTuple):
    """The names of visible folders, images, and other files in a folder."""

    folders: list[str]
    images: list[str]
    others: list[str]


def refuse_detection(source: Path) -> None:
    """Raise UserError where a folder, or one of the few folders in it, is such a data set; raises
    OSError."""
    kind = detection_kind(source)
    place = source
    if not kind:
        names = sorted(_look(source).folders)
        for name in names if len(names) <= _FOLDERS else ():
            with suppress(OSError):  # what reads the folder says so
                kind = "" if is_split_name(name) else detection_kind(source / name)
            if kind:
                place = source / name
                break
    if kind:
        where = "" if place == source else f" in {place.name}"
        raise UserError(f"SOURCE {source} holds {kind}{where}: {REMEDY}.")


def detection_above(folder: Path) -> str:
    """What kind of such a data set a folder of images belongs to, by the folders above it; empty
    where it is none."""
    try:
        place = folder.resolve()
        return next(filter(None, map(detection_kind, list(place.parents)[:2])), "")
    except (OSError, UserError):
        return ""


def detection_kind(source: Path) -> str:
    """What a folder holds if it is such a data set, as a part of a sentence, else an empty text; a
    bounded number of its entries are looked at. Raises OSError."""
    top = _look(source)
    by_name = {name.casefold(): name for name in top.folders}
    images = next((by_name[name] for name in _IMAGES if name in by_name), None)
    if images is not None and "labels" in by_name:
        labels = by_name["labels"]
        if _holds_only(source / labels, ".txt"):
            return f"a detection set as YOLO has it ({images} and {labels}), with {BOXES}"
    notes = by_name.get("annotations")
    if notes is not None and "jpegimages" in by_name and _holds_only(source / notes, ".xml"):
        jpegs = by_name["jpegimages"]
        return f"a detection set as Pascal VOC has it ({notes} and {jpegs}), with {BOXES}"
    if not _holds_classes(source, top, (notes, *filter(None, [by_name.get("labels")]))):
        if notes is not None and _holds_only(source / notes, ".json"):
            return f"a detection set as COCO has it (a folder {notes} of JSON), with {BOXES}"
        file = next(filter(lambda name: _is_coco(source, name), sorted(top.others)), None)
        if file is not None:
            return f"a detection set as COCO has it ({file}), with {BOXES}"
    if images is not None and len(top.folders) == 2:
        masks = next((by_name[name] for name in _MASKS if name in by_name), None)
        if masks is not None and _have_same_names(source / images, source / masks):
            return f"a segmentation set ({images} and {masks}), with masks and no classes"
    return ""


def _look(path: Path) -> _Folder:
    """What is directly in a folder, of its first entries."""
    folder = _Folder([], [], [])
    with os.scandir(os.fsencode(path)) as entries:
        for entry in islice(entries, _ENTRIES):
            name = os.fsdecode(entry.name)
            if name.startswith("."):
                continue
            if _is_folder(entry):
                folder.folders.append(name)
            elif is_image_name(entry.name):
                folder.images.append(name)
            else:
                folder.others.append(name)
    return folder


def _holds_only(path: Path, suffix: str) -> bool:
    """Whether a folder, or folders in it, have files with this suffix and no images."""
    top = _look(path)
    parts = [top, *(_look(path / name) for name in sorted(top.folders)[:_FOLDERS])]
    if any(part.images for part in parts):
        return False
    return any(name.lower().endswith(suffix) for part in parts for name in part.others)


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _holds_classes(source: Path, top: _Folder, without: Iterable[str | None]) -> bool:
    """Whether a folder has others whose names may be those of classes, or a folder of these, or no
    images at all."""
    if top.images and not set(top.folders) - set(without):
        return False
    some = False
    for name in sorted(set(top.folders) - set(without)):
        if not (is_split_name(name) or name.casefold() in _IMAGES):
            return True
        inner = _look(source / name)
        if any(not is_split_name(one) for one in inner.folders):
            return True
        some |= bool(inner.images or inner.folders)
    return not some


def _is_coco(source: Path, name: str) -> bool:
    if suffix_of(os.fsencode(name)) != b".json" or not _COCO_NAMES.fullmatch(name.lower()):
        return False
    try:
        with open_regular(source / name) as file:
            return _COCO.search(file.read(_BYTES)) is not None
    except (OSError, UserError):
        return False


def _have_same_names(first: Path, second: Path) -> bool:
    """Whether most images of a folder have their likes in another, by their names."""
    stems = [{Path(name).stem for name in _look(one).images} for one in (first, second)]
    same = stems[0] & stems[1]
    return bool(same) and 2 * len(same) > len(stems[0])
