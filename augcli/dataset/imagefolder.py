"""Reads SOURCE/<class>/**/<image>: the layout of torchvision's ImageFolder."""

from __future__ import annotations

import os
from pathlib import Path

from augcli.dataset.labels import printable, shown
from augcli.dataset.listing import Listing, ListingBuilder
from augcli.errors import UserError
from augcli.text import count_text

SUFFIXES = frozenset(
    b".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif .ppm .pgm .pbm .pnm .avif .jp2 .j2k"
    b" .jpx .ico .tga .dib .pcx .sgi .mpo".split()
)


def is_image_name(name: bytes) -> bool:
    """Whether a file's suffix is that of an image; hidden files are none."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(b".")  # noqa: PTH122


def read_image_folder(source: Path) -> Listing:
    """List an image folder: each folder in SOURCE is a class, images lie at any depth inside it.

    One `scandir` pass; symbolic links are followed, a folder is listed once a class. Entries are
    sorted by name, so the order never depends on the file system. A folder that is removed
    meanwhile holds nothing.
    Raises UserError where there is no folder, no class folder or no image.
    """
    if not source.exists():
        raise UserError(f"SOURCE {source} does not exist; give a folder with one folder a class.")
    if not source.is_dir():
        raise UserError(f"SOURCE {source} is a file; give a folder with one folder a class.")
    root = os.fsencode(source)
    try:
        folders, loose, _ = _scan(root)
        builder = ListingBuilder()
        classes: list[str] = []
        for top in sorted(folders, key=printable):
            if _add_class(builder, root, top, len(classes)):
                classes.append(printable(top))
    except OSError as error:
        where = shown(os.fsencode(error.filename or source))
        raise UserError(f"{where} in SOURCE cannot be read: {error.strerror}.") from error
    if not classes:
        raise UserError(_nothing(source, folders, loose))
    return builder.finish(source, classes)


def _add_class(builder: ListingBuilder, root: bytes, top: bytes, class_id: int) -> bool:
    """Add every image below `top`, depth first by name; whether there was any."""
    pending, seen, any_image = [top], set[tuple[int, int]](), False
    while pending:
        folder = pending.pop()
        try:
            status = os.stat(root + b"/" + folder)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:  # a link back to a folder that was listed
                continue
            seen.add((status.st_dev, status.st_ino))
            inner, images, no_files = _scan(root + b"/" + folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        builder.leave_out([folder + b"/" + name for name in no_files])
        if images:
            any_image = True
            number = builder.folder(folder)
            for name in images:
                builder.add(number, name, class_id)
        pending += [folder + b"/" + name for name in reversed(inner)]
    return any_image


def _nothing(source: Path, folders: list[bytes], loose: list[bytes]) -> str:
    if folders:
        return f"SOURCE {source} has class folders but no image in them; add JPEG or PNG files."
    if loose:
        return (
            f"SOURCE {source} holds {count_text(len(loose), 'image file')} but no class folders;"
            " move them to a folder a class, or pipe in a list of paths."
        )
    what = "holds no images" if any(source.iterdir()) else "is empty"
    return f"SOURCE {source} {what}; give a folder with one folder a class."


def _scan(folder: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The visible folders and the images directly inside `folder`, and what is called like an image
    and is no file, each sorted by name."""
    folders: list[bytes] = []
    images: list[bytes] = []
    no_files: list[bytes] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            try:
                if entry.is_dir():
                    folders.append(entry.name)
                elif is_image_name(entry.name):
                    (images if entry.is_file() else no_files).append(entry.name)
            except OSError:  # a link in a circle, or into a folder that is closed
                if is_image_name(entry.name):
                    no_files.append(entry.name)
    return sorted(folders), sorted(images), sorted(no_files)
