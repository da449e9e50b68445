"""Reads SOURCE/<class>/**/<image>: the layout of torchvision's ImageFolder."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augcli.data.beside import beside_warning, is_data_file
from augcli.data.detection import REMEDY, detection_above
from augcli.data.empty_classes import refuse_empty_classes
from augcli.data.image_file import read_image as read_image
from augcli.data.label_kinds import OR_UNLABELLED
from augcli.data.labels import class_order, printable, shown
from augcli.data.left_out import LeftOut, suffix_of
from augcli.data.levels import level_warning
from augcli.data.links import leads_above
from augcli.data.listing import NO_CLASS, Listing, ListingBuilder
from augcli.data.loose_images import level_too_low
from augcli.data.metadata_rows import foreign_files, why_foreign
from augcli.data.source_options import SourceOptions
from augcli.data.splits import check_classes, splits_among_classes
from augcli.data.table_beside import table_for
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.image.formats import (
    BEGINNING,
    EXTRA,
    format_of,
    image_suffixes,
    is_decoded,
    is_of_extra,
    other_suffixes,
)
from augcli.text import count_text

_NAMED = 3
# Folders below that of a class; whole systems have fewer.
_MOST_FOLDERS = 1_000_000
# The device and the number of a folder, by which it is known again behind links.
_Place = tuple[int, int]
_LOOKED_AT = 1_000
_FIX = "make it readable, or move it out of SOURCE"
_JPEG = dict.fromkeys((b".jpg", b".jpeg", b".jpe"), "*.jp*g")
KIND = "a folder with one folder a class"
OPTIONS = frozenset({"allow_empty_classes"})
# Of files that stand beside images; the first bytes of others are looked at.
_OF_MAC = b"__MACOSX"  # what unpacked archives of macOS hold beside their folders
_NO_IMAGES = frozenset(
    b".txt .json .jsonl .csv .tsv .xml .yaml .yml .toml .ini .md .rst .html .htm .log .py .ipynb"
    b" .db .npy .npz .mat .pt .pth .pkl .parquet .arrow .zip .tar .gz .tgz .bz2 .xz .zst .7z .rar"
    b" .mp4 .mov .avi .mkv .webm .wav .mp3 .cls .caption .onnx".split()
)


class _Entries(NamedTuple):
    """What is directly inside a folder, each sorted by name: visible folders and images; what is
    called like an image and is no file; images with hidden names; hidden folders; images of
    formats that are not read; files that are no images; links to folders above themselves."""

    folders: list[bytes]
    images: list[bytes]
    no_files: list[bytes]
    hidden_images: list[bytes]
    hidden_folders: list[bytes]
    other_formats: list[bytes]
    others: list[bytes]
    links_above: list[bytes]


def recognises(source: Path) -> bool:
    """Whether it is a folder."""
    return source.is_dir()


class _Holds(NamedTuple):
    """How many images a class folder has, and the first of its other files, if any."""

    images: int
    unread: bytes


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List an image folder: each folder in SOURCE is a class, images lie at any depth inside it.

    One `scandir` pass; symbolic links are followed, but for those to folders above themselves, and
    a folder is listed once a class. Entries are sorted by name, so the order never depends on the
    file system; classes are sorted as their folders in OUT. A file is an image by its suffix; where
    that is none that is known, by its first bytes. A folder that is removed meanwhile holds
    nothing. What is left out is counted in the listing's warnings.
    Raises UserError where there is no class folder or no image, where a class folder has no image
    and the options do not allow it, and where the folders are splits. Without labels, images at any
    depth are listed.
    """
    if options.labels is Labels.none:
        return _list_unlabelled(source)
    root = os.fsencode(source)
    left_out = LeftOut()
    try:
        top_level = _scan(root, root)
        _leave_out(left_out, root, b"", top_level)
        left_out.add("loose", top_level.images)
        builder = ListingBuilder()
        classes: list[str] = []
        empty: dict[str, bytes] = {}
        seen: dict[_Place, int] = {}
        for top in sorted(top_level.folders, key=lambda name: class_order(printable(name))):
            holds = _add_class(builder, left_out, root, top, len(classes), seen)
            if holds is not None:
                classes.append(printable(top))
                if not holds.images:
                    empty[printable(top)] = holds.unread
    except OSError as error:
        where = shown(os.fsencode(error.filename or source))
        raise UserError(f"{where} in SOURCE cannot be read: {error.strerror}; {_FIX}.") from error
    if len(empty) == len(classes):
        raise UserError(_nothing(source, top_level, next(filter(None, empty.values()), b"")))
    doubt = check_classes(str(source), builder.folders, f"give {source}/{{name}}")
    listing = builder.finish(source, classes)
    doubt = doubt or splits_among_classes(classes, options) or _level_warning(source, listing)
    warnings = [doubt] if doubt else []
    for file in foreign_files(source):
        reason = why_foreign(file)
        warnings.append(f"{file} is not read, the folders are the classes: {reason}.")
    data = [name for name in top_level.others if is_data_file(name)]
    warnings += filter(None, [beside_warning(data, "the class folders")])
    refuse_empty_classes(empty, options, source)
    return replace(listing, warnings=(*warnings, *left_out.warnings()))


def _list_unlabelled(source: Path) -> Listing:
    builder, left_out = ListingBuilder(), LeftOut()
    try:
        holds = _add_class(builder, left_out, os.fsencode(source), b"", NO_CLASS, {})
    except OSError as error:
        where = shown(os.fsencode(error.filename or source))
        raise UserError(f"{where} in SOURCE cannot be read: {error.strerror}; {_FIX}.") from error
    if holds is None or not holds.images:
        raise UserError(f"SOURCE {source} holds no images; give a folder of images.")
    folders = [folder for folder in builder.folders if folder]
    warnings = []
    if folders:
        warnings.append(
            f"{source}: images in {count_text(len(folders), 'folder')} of it are used without"
            " labels, as --unlabelled says."
        )
    listing = builder.finish(source, ())
    return replace(listing, warnings=(*warnings, *left_out.warnings()))


def _add_class(
    builder: ListingBuilder,
    left_out: LeftOut,
    root: bytes,
    top: bytes,
    class_id: int,
    seen: dict[_Place, int],
) -> _Holds | None:
    """Add every image below `top`, depth first by name; None where the folder is gone. `seen` has
    the last class of each folder so far."""
    pending, visited, images, unread = [top], set[_Place](), 0, b""
    while pending:
        folder = pending.pop()
        try:
            status = os.stat(root + b"/" + folder)  # noqa: PTH116
            place = status.st_dev, status.st_ino
            if place in visited:  # a link to a folder of the class that was listed
                continue
            visited.add(place)
            entries = _scan(root + b"/" + folder, root)
        except (FileNotFoundError, NotADirectoryError):
            if folder == top:
                return None
            continue
        prefix = folder + b"/" if folder else b""
        _leave_out(left_out, root, prefix, entries)
        if not unread:
            some = entries.other_formats + entries.no_files + entries.others
            unread = next((prefix + name for name in some), b"")
        if len(visited) > _MOST_FOLDERS:
            raise UserError(
                f"{shown(root + b'/' + top)} in SOURCE holds more than {_MOST_FOLDERS:,} folders;"
                " perhaps a link in it leads to where no images of it lie: remove that."
            )
        if entries.images:
            if seen.setdefault(place, class_id) != class_id:
                left_out.add("several classes", [folder])
            seen[place] = class_id
            images += len(entries.images)
            number = builder.folder(folder)
            for name in entries.images:
                builder.add(number, name, class_id)
        pending += [prefix + name for name in reversed(entries.folders)]
    return _Holds(images, unread)


def _level_warning(source: Path, listing: Listing) -> str:
    """A warning where the folders of SOURCE are perhaps no classes, but groups of them."""
    images = range(min(len(listing), _LOOKED_AT))
    suffixes = {os.path.splitext(listing.relative_path(at))[1].lower() for at in images}  # noqa: PTH122
    patterns = sorted({_JPEG.get(one, f"*{printable(one)}") for one in suffixes})
    named = " -o ".join(f"-iname {shlex.quote(one)}" for one in patterns)
    named = f"'(' {named} ')'" if len(patterns) > 1 else named
    counts = np.bincount(listing.folder_of, minlength=len(listing.folders)).tolist()
    return level_warning(
        listing.folders,
        counts,
        f"give {_escaped(str(source))}/{{name}}",
        f" alone, or all by `find {_escaped(shlex.quote(str(source)))} {_escaped(named)} -print0 |"
        " augcli generate - OUT --labels-from {level}`",
    )


def _escaped(text: str) -> str:
    """A text that stands for itself in one that is formatted."""
    return text.replace("{", "{{").replace("}", "}}")


def _leave_out(left_out: LeftOut, root: bytes, prefix: bytes, entries: _Entries) -> None:
    left_out.add("link above", [prefix + name for name in entries.links_above])
    left_out.add("no file", [prefix + name for name in entries.no_files])
    left_out.add("hidden", [prefix + name for name in entries.hidden_images])
    left_out.add("format", [prefix + name for name in entries.other_formats])
    # Beside class folders, files about the data set are no surprise.
    beside = [name for name in entries.others if prefix or not _is_no_surprise(name)]
    left_out.add("no image", [prefix + name for name in beside])
    for name in entries.hidden_folders:
        left_out.add_hidden_folder(root, prefix + name)


def _is_no_surprise(name: bytes) -> bool:
    return suffix_of(name) in _NO_IMAGES or is_data_file(name)


def _nothing(source: Path, entries: _Entries, unread: bytes) -> str:
    if entries.folders:
        but = f", as {shown(unread)} is none that is read" if unread else ""
        remedy = (
            f"`{EXTRA}` reads it" if is_of_extra(suffix_of(unread)) else "add JPEG or PNG files"
        )
        return f"SOURCE {source} has class folders but no image in them{but}; {remedy}."
    foreign = [f"{file} is not read: {why_foreign(file)}" for file in foreign_files(source)]
    if entries.images:
        holds = f"SOURCE {source} holds {count_text(len(entries.images), 'image file')}"
        holds += " but no class folders"
        if not foreign and (table := table_for(source)):
            return f"{holds}; give the table that names them: {table}."
        if above := detection_above(source):
            return f"{holds}, and lies in {above}: {REMEDY}."
        if not foreign and (low := level_too_low(source)):
            return f"{holds}, and {low}."
        remedy = f"move them to a folder a class, pipe in a list of paths, or {OR_UNLABELLED}"
        for sentence in foreign:
            remedy = f"{sentence}; fix it, or {remedy}"
        return f"{holds}; {remedy}."
    what = "holds no images" if any(source.iterdir()) else "is empty"
    if foreign:
        return f"SOURCE {source} {what}; {'; '.join(foreign)}."
    return f"SOURCE {source} {what}; give a folder with one folder a class."


def _scan(folder: bytes, root: bytes) -> _Entries:
    names = _Entries([], [], [], [], [], [], [], [])
    images, others, none = image_suffixes(), other_suffixes(), _NO_IMAGES
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            suffix = suffix_of(name)
            is_image = suffix in images
            try:
                if name.startswith(b".") or name == _OF_MAC:
                    if entry.is_dir(follow_symlinks=False):
                        names.hidden_folders.append(name)
                    elif is_image:
                        names.hidden_images.append(name)
                elif entry.is_dir():
                    is_above = entry.is_symlink() and leads_above(entry.path, root)
                    (names.links_above if is_above else names.folders).append(name)
                elif is_image:
                    (names.images if entry.is_file() else names.no_files).append(name)
                elif suffix in others:
                    names.other_formats.append(name)
                elif suffix in none or not entry.is_file():
                    names.others.append(name)
                else:
                    kind = _format(entry.path)
                    if kind is None:
                        names.others.append(name)
                    else:
                        (names.images if is_decoded(kind) else names.other_formats).append(name)
            except OSError:  # a link in a circle, or into a folder that is closed
                (names.no_files if is_image else names.others).append(name)
    return _Entries(*map(sorted, names))


def _format(path: bytes) -> str | None:
    """The format of the image in a file, by its first bytes; raises OSError."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        return format_of(os.read(file, BEGINNING))
    finally:
        os.close(file)
