"""Reads SOURCE/<class>/**/<image>: the layout of torchvision's ImageFolder."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augcli.data.image_file import read_image as read_image
from augcli.data.labels import class_order, printable, shown
from augcli.data.left_out import LeftOut, has_suffix, is_of_other_format
from augcli.data.levels import level_warning
from augcli.data.listing import Listing, ListingBuilder
from augcli.data.metadata_rows import foreign_files, why_foreign
from augcli.data.source_options import SourceOptions
from augcli.data.splits import check_classes
from augcli.errors import UserError
from augcli.text import count_text

_NAMED = 3
KIND = "a folder with one folder a class"
OPTIONS: frozenset[str] = frozenset()


class _Entries(NamedTuple):
    """What is directly inside a folder, each sorted by name: visible folders and images; what is
    called like an image and is no file; images with hidden names; hidden folders; images of
    formats that are not read."""

    folders: list[bytes]
    images: list[bytes]
    no_files: list[bytes]
    hidden_images: list[bytes]
    hidden_folders: list[bytes]
    other_formats: list[bytes]


def recognises(source: Path) -> bool:
    """Whether it is a folder."""
    return source.is_dir()


def list_images(source: Path, options: SourceOptions) -> Listing:  # noqa: ARG001
    """List an image folder: each folder in SOURCE is a class, images lie at any depth inside it.

    One `scandir` pass; symbolic links are followed, a folder is listed once a class. Entries are
    sorted by name, so the order never depends on the file system; classes are sorted as their
    folders in OUT. A folder that is removed meanwhile holds nothing. What is left out is counted
    in the listing's warnings.
    Raises UserError where there is no class folder or no image, and where the folders are splits.
    """
    root = os.fsencode(source)
    left_out = LeftOut()
    try:
        top_level = _scan(root)
        _leave_out(left_out, root, b"", top_level)
        left_out.add("loose", top_level.images)
        builder = ListingBuilder()
        classes: list[str] = []
        without: list[bytes] = []
        for top in sorted(top_level.folders, key=lambda name: class_order(printable(name))):
            if _add_class(builder, left_out, root, top, len(classes)):
                classes.append(printable(top))
            else:
                without.append(top)
    except OSError as error:
        where = shown(os.fsencode(error.filename or source))
        raise UserError(f"{where} in SOURCE cannot be read: {error.strerror}.") from error
    if not classes:
        raise UserError(_nothing(source, top_level))
    doubt = check_classes(str(source), builder.folders, f"give {source}/{{name}}")
    listing = builder.finish(source, classes)
    doubt = doubt or _level_warning(source, listing)
    warnings = [sentence for sentence in (doubt, _without_images(without)) if sentence]
    for file in foreign_files(source):
        reason = why_foreign(file)
        warnings.append(f"{file} is not read, the folders are the classes: {reason}.")
    return replace(listing, warnings=(*warnings, *left_out.warnings()))


def _add_class(
    builder: ListingBuilder, left_out: LeftOut, root: bytes, top: bytes, class_id: int
) -> bool:
    """Add every image below `top`, depth first by name; whether there was any."""
    pending, visited, any_image = [top], set[tuple[int, int]](), False
    while pending:
        folder = pending.pop()
        try:
            status = os.stat(root + b"/" + folder)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in visited:  # a link back to a folder that was listed
                continue
            visited.add((status.st_dev, status.st_ino))
            entries = _scan(root + b"/" + folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        _leave_out(left_out, root, folder + b"/", entries)
        if entries.images:
            any_image = True
            number = builder.folder(folder)
            for name in entries.images:
                builder.add(number, name, class_id)
        pending += [folder + b"/" + name for name in reversed(entries.folders)]
    return any_image


def _level_warning(source: Path, listing: Listing) -> str:
    """A warning where the folders of SOURCE are perhaps no classes, but groups of them."""
    suffix = os.path.splitext(listing.relative_path(0))[1].lower()  # noqa: PTH122
    pattern = "*.jp*g" if suffix in (b".jpg", b".jpeg") else f"*{suffix.decode()}"
    counts = np.bincount(listing.folder_of, minlength=len(listing.folders)).tolist()
    return level_warning(
        listing.folders,
        counts,
        f"give {_escaped(str(source))}/{{name}}",
        f" alone, or all by `find {_escaped(shlex.quote(str(source)))} -iname '{pattern}' -print0 |"
        " augcli generate - OUT --labels-from {level}`",
    )


def _escaped(text: str) -> str:
    """A text that stands for itself in one that is formatted."""
    return text.replace("{", "{{").replace("}", "}}")


def _without_images(folders: list[bytes]) -> str:
    """A warning of the folders that hold no image and so are no classes, if there are any."""
    if not folders:
        return ""
    names = ", ".join(map(shown, folders[:_NAMED]))
    more = f" and {len(folders) - _NAMED} more" if len(folders) > _NAMED else ""
    no_classes = (
        "holds no image, and is no class"
        if len(folders) == 1
        else ("hold no image, and are no classes")
    )
    return f"{count_text(len(folders), 'class folder')} of SOURCE {no_classes}: {names}{more}."


def _leave_out(left_out: LeftOut, root: bytes, prefix: bytes, entries: _Entries) -> None:
    left_out.add("no file", [prefix + name for name in entries.no_files])
    left_out.add("hidden", [prefix + name for name in entries.hidden_images])
    left_out.add("format", [prefix + name for name in entries.other_formats])
    for name in entries.hidden_folders:
        left_out.add_hidden_folder(root, prefix + name)


def _nothing(source: Path, entries: _Entries) -> str:
    if entries.folders:
        return f"SOURCE {source} has class folders but no image in them; add JPEG or PNG files."
    foreign = [f"{file} is not read: {why_foreign(file)}" for file in foreign_files(source)]
    if entries.images:
        remedy = "move them to a folder a class, or pipe in a list of paths"
        for sentence in foreign:
            remedy = f"{sentence}; fix it, or {remedy}"
        loose = count_text(len(entries.images), "image file")
        return f"SOURCE {source} holds {loose} but no class folders; {remedy}."
    what = "holds no images" if any(source.iterdir()) else "is empty"
    if foreign:
        return f"SOURCE {source} {what}; {'; '.join(foreign)}."
    return f"SOURCE {source} {what}; give a folder with one folder a class."


def _scan(folder: bytes) -> _Entries:
    names = _Entries([], [], [], [], [], [])
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            is_image = has_suffix(name)
            try:
                if name.startswith(b"."):
                    if entry.is_dir(follow_symlinks=False):
                        names.hidden_folders.append(name)
                    elif is_image:
                        names.hidden_images.append(name)
                elif entry.is_dir():
                    names.folders.append(name)
                elif is_image:
                    (names.images if entry.is_file() else names.no_files).append(name)
                elif is_of_other_format(name):
                    names.other_formats.append(name)
            except OSError:  # a link in a circle, or into a folder that is closed
                if is_image:
                    names.no_files.append(name)
    return _Entries(*map(sorted, names))
