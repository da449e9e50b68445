"""Reads a list of image paths from a stream, NUL- or newline-separated, as `find` writes it."""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from augcli.data.labels import class_index, printable, shown
from augcli.data.listing import NO_CLASS, Listing, ListingBuilder, in_order
from augcli.enums import LabelsFrom
from augcli.errors import UserError
from augcli.files import MIB, size_text
from augcli.text import count_text, is_url
from augcli.text_files import refuse_utf16

OPTIONS: frozenset[str] = frozenset()
_WHERE = "The list of paths on standard input"
# Bytes; systems take 4 KiB, Windows up to 64 KiB.
_LONGEST_PATH = 1 << 16
# What a list may hold in a row that names no new image; an endless stream is known by it.
_EMPTY_BYTES = MIB
_REPETITIONS = 1_000_000


def list_images(
    stream: BinaryIO,
    labels_from: LabelsFrom | None,
    root: str | bytes | os.PathLike[str] | None = None,
) -> Listing:
    """List the paths in `stream` in the order given, each once; with `labels_from` None they name
    no classes.

    A NUL in its first MiB makes NUL the separator (`find -print0`), else it is the newline. Paths
    are relative to `root` (None: the working directory). Nothing is opened. Raises UserError for an
    empty list, for one that cannot be read or does not end, and for a path that is too long or
    lacks the part that should name its class.
    """
    builder = ListingBuilder()
    digests: set[bytes] = set()
    repeated = 0
    place = Path.cwd() if root is None else root
    blanks: list[bytes] = []
    for path in _paths(stream, blanks, os.fsencode(place)):
        digest = hashlib.blake2b(path, digest_size=12).digest()
        if digest in digests:
            repeated += 1
            if repeated > _REPETITIONS + 10 * len(digests):
                raise UserError(
                    f"{_WHERE} repeats its {count_text(len(digests), 'path')} without end; give"
                    " each once."
                )
            continue
        repeated = 0
        digests.add(digest)
        _add(builder, path, labels_from)
    if not digests:
        raise UserError(f"{_WHERE} is empty; pipe in image paths.")
    warnings = [_around(blanks)] if blanks else []
    return in_order(builder.finish(place, builder.classes, warnings=warnings), class_index)


def list_all(
    paths: Iterable[bytes],
    labels_from: LabelsFrom | None,
    root: str,
) -> Listing:
    """List paths that an earlier list had, below `root`; raises UserError for one that names no
    class, unless `labels_from` is None."""
    builder = ListingBuilder()
    for path in paths:
        _add(builder, path, labels_from)
    return in_order(builder.finish(root, builder.classes), class_index)


def _add(builder: ListingBuilder, path: bytes, labels_from: LabelsFrom | None) -> None:
    class_id = NO_CLASS
    if labels_from is not None:
        class_id = builder.class_id(_class_name(path, labels_from))
    folder, _, file_name = path.rpartition(b"/")
    builder.add(builder.folder(folder), file_name, class_id)


def _around(paths: list[bytes]) -> str:
    """A warning of paths that begin or end with white space, and are no files with it."""
    begin = "begins or ends" if len(paths) == 1 else "begin or end"
    return (
        f"{count_text(len(paths), 'path')} on standard input {begin} with white space, which counts"
        f" as part of the name, and no such file is there (the first is '{shown(paths[0])}');"
        " leave it out of the list."
    )


def list_known(
    paths: Iterable[bytes], labels_from: LabelsFrom, classes: tuple[str, ...], root: str
) -> Listing:
    """List paths that an earlier list had, below `root`; raises ValueError for one whose class is
    none of `classes`, and UserError for one that names none."""
    builder = ListingBuilder()
    for path in paths:
        folder, _, name = path.rpartition(b"/")
        class_id = classes.index(_class_name(path, labels_from))
        builder.add(builder.folder(folder), name, class_id)
    return builder.finish(root, classes)


def _paths(stream: BinaryIO, blanks: list[bytes], root: bytes) -> Iterator[bytes]:
    """The paths in a list, one at a time, with at most a few MiB of it in memory.

    Lines with white space around a path, which is not there with it, are added to `blanks`.
    """
    separator, pending, empty = b"", b"", 0
    while chunk := _next_chunk(stream):
        if not separator:
            separator = b"\0" if b"\0" in chunk else b"\n"
            chunk = _beginning(chunk, separator)
        elif separator == b"\n" and b"\0" in chunk:
            raise UserError(f"{_WHERE} has NUL bytes behind its first MiB; separate all paths so.")
        *whole, pending = (pending + chunk).split(separator)
        for line in whole:
            path = line.removesuffix(b"\r") if separator == b"\n" else line
            empty = 0 if path else empty + 1
            if path:
                if separator == b"\n" and _is_not_there(path, root):
                    blanks.append(path)
                yield _normal(path)
        if empty > _EMPTY_BYTES:
            raise UserError(f"{_WHERE} has {size_text(_EMPTY_BYTES)} without a path in a row.")
        _normal(pending)
    path = pending.removesuffix(b"\r") if separator == b"\n" else pending
    if path:
        if separator == b"\n" and _is_not_there(path, root):
            blanks.append(path)
        yield _normal(path)


def _is_not_there(path: bytes, root: bytes) -> bool:
    """Whether a path has white space around it, and is that of no file."""
    if path == path.strip():
        return False
    try:
        return not os.path.lexists(os.path.join(root, path))  # noqa: PTH118
    except ValueError:
        return True


def _next_chunk(stream: BinaryIO) -> bytes:
    try:
        return stream.read(MIB)
    except OSError as error:
        if error.errno == errno.EBADF:
            raise UserError(
                "SOURCE - reads paths from standard input, which is closed; open it."
            ) from error
        raise UserError(f"{_WHERE} cannot be read: {error.strerror or error}.") from error


def _beginning(chunk: bytes, separator: bytes) -> bytes:
    """The beginning of a list without the byte order mark that some editors write."""
    try:
        refuse_utf16(chunk)
    except ValueError as error:
        raise UserError(f"{_WHERE} cannot be read: {error}.") from error
    return chunk.removeprefix(codecs.BOM_UTF8) if separator == b"\n" else chunk


def _normal(path: bytes) -> bytes:
    if len(path) > _LONGEST_PATH:
        raise UserError(
            f"{_WHERE} has a path of more than {size_text(_LONGEST_PATH)}, {shown(path)};"
            " separate paths by newlines or NUL bytes."
        )
    if is_url(os.fsdecode(path)):
        raise UserError(f"{_WHERE} has the URL {shown(path)}; give paths on this machine.")
    return os.path.normpath(path)


def _class_name(path: bytes, labels_from: LabelsFrom) -> str:
    """The class that a listed path names; raises UserError where it names none."""
    *folders, name = path.split(b"/")
    if labels_from is LabelsFrom.prefix:
        prefix, underscore, _ = name.partition(b"_")
        part = prefix if underscore else b""
    else:
        up = 1 if labels_from is LabelsFrom.parent else 2
        part = folders[-up] if len(folders) >= up else b""
    if part in (b"", b".", b"..") and b"\\" in path:
        raise UserError(
            f"The path {shown(path)} on standard input has backslashes; write / between folders."
        )
    if part in (b"", b".", b".."):
        raise UserError(
            f"The path {shown(path)} on standard input has no {labels_from.value} to name its"
            " class; list paths with class folders or choose another --labels-from."
        )
    return printable(part)
