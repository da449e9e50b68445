"""The output directory: what is staged while a run goes on, what is committed, what is published.

    OUT/.augcli/identity.json   what the run is, by which a resumed one knows itself again
    OUT/.augcli/train/          images, until all of them are made
    OUT/.augcli/parts/          one file of manifest rows a shard; its rename is the shard's commit
    OUT/.augcli/removal.json    the record of a run that is being replaced, until all of it is gone

OUT/train appears by one rename when everything is there, so a reader never sees half a data set:
no row without its file, no file without its row. OUT/run.json, which proves that OUT/train is the
run's, comes last. A loss of power may undo any write and any rename since the last flush, in any
order: whatever depends on an earlier step is flushed behind it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from augcli.data.listing import Listing
from augcli.errors import RunFailed, UserError
from augcli.files import move_new, open_regular, parse_json, read_bytes, replace_file, sha256_of
from augcli.manifest.row import MANIFEST, to_line
from augcli.store import parts
from augcli.store.layout import (
    CLASSES,
    ERRORS,
    LISTED,
    LISTS,
    OUTPUT_NAME,
    RUN,
    STATE,
    TRAIN,
    staged_train,
)
from augcli.store.links import is_link, refuse_links
from augcli.store.records import manifest_is, read_record

_LARGEST_LIST = 64 << 30
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CHUNK = 1 << 20


class Published(NamedTuple):
    """How many rows, skipped inputs and outputs that these cost a finished run has; the bytes of
    all its images together; the SHA-256 of its manifest in hex."""

    rows: int
    errors: int
    lost: int
    image_bytes: int
    sha256: str


def write_file(path: str, data: bytes | memoryview) -> None:
    """Write a staged image, without a file object, which costs as much as the call itself.

    Its folder is made at need. What stands there already is removed first: it may be a link, or
    have another name elsewhere.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:
        Path(path).unlink()
        descriptor = os.open(path, flags, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if not hasattr(os, "sync"):  # Windows, where `flush` can do nothing
            os.fsync(descriptor)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def link_file(source: bytes, path: str) -> None:
    """Make a staged image a hard link to a file. Its folder is made at need."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    os.link(source, place)


def check_no_link(folder: str) -> None:
    """Raise OSError where a folder to write to is a link, or has become one."""
    if is_link(folder):
        raise OSError(0, "it is a link, and nothing is written through a link", folder)


def write_durably(path: Path, text: str) -> None:
    """Write a file so that it is either whole or as it was, also after a loss of power."""
    replace_file(path, text.encode())


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON object durably."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    # Paths of bytes that are no UTF-8 hold surrogates, which JSON has escapes for.
    write_durably(path, text.encode("utf-8", "backslashreplace").decode() + "\n")


def keep_listed(state: Path, listing: Listing) -> None:
    """Keep the paths of a list that was piped in, for `verify`: it cannot be read again."""
    unfinished = state / f"{LISTED}.{os.getpid()}.tmp"
    unfinished.unlink(missing_ok=True)
    with unfinished.open("xb") as file:
        for index in range(len(listing)):
            file.write(listing.relative_path(index) + b"\0")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(state / LISTED)


def read_listed(out: Path) -> bytes | None:
    """The paths that `keep_listed` kept, each with a NUL behind it, if it did."""
    file = out / STATE / LISTED
    return read_bytes(file, _LARGEST_LIST) if file.is_file() else None


def merge_parts(state: Path) -> Published:
    """Join the committed parts in plan order: rows into the staged manifest, errors beside it, each
    input that was skipped once, however many blocks it was a target of."""
    train = staged_train(state)
    train.mkdir(parents=True, exist_ok=True)
    rows = image_bytes = 0
    skipped: dict[str, dict[str, Any]] = {}
    digest = hashlib.sha256()
    for path in (train / MANIFEST, state / ERRORS):
        path.unlink(missing_ok=True)  # it may be a link
    with (train / MANIFEST).open("xb") as manifest, (state / ERRORS).open("xb") as errors:
        for part in parts.proven_parts(state):
            for line in part.row_lines():
                digest.update(line)
                manifest.write(line)
            for line in part.skipped_lines():
                now = _skipped_input(line)
                before = skipped.setdefault(now["source_id"], now)
                if before is not now:
                    before["outputs"] += now["outputs"]
            rows += part.rows
            image_bytes += part.images
        errors.writelines(to_line(values).encode() for values in skipped.values())
        for file in (manifest, errors):
            file.flush()
            os.fsync(file.fileno())
    lost = sum(values["outputs"] for values in skipped.values())
    return Published(rows, len(skipped), lost, image_bytes, digest.hexdigest())


def _skipped_input(line: bytes) -> dict[str, Any]:
    """A part's line about an input that was skipped; raises RunFailed where it is none."""
    try:
        values = parse_json(line)
        if isinstance(values["source_id"], str) and type(values["outputs"]) is int:
            return dict(values)
    except (ValueError, KeyError, TypeError):
        pass
    raise RunFailed("A part of the run has a line about a skipped input that is none.")


def publish(out: Path, classes: Iterable[str], summary: dict[str, Any]) -> None:
    """Let the merged run appear: OUT/train by one rename, and run.json, which proves it, last.

    Raises RunFailed where something that is not the run's stands in its place; nothing of that is
    changed.
    """
    state = out / STATE
    try:
        refuse_links(out)
    except UserError as error:
        raise RunFailed(f"{error} Then run the same command with --resume.") from error
    (state / RUN).unlink(missing_ok=True)  # once it is there, the names in OUT are the run's
    write_durably(state / CLASSES, "".join(f"{name}\n" for name in classes))
    for name in LISTS:
        _refuse_strange(out / name, state / name)
    _refuse_strange(out / TRAIN, None)
    _refuse_strange(out / RUN, None)
    write_json(state / RUN, summary | {"files": {n: sha256_of(state / n) for n in LISTS}})
    flush(state)
    for name in LISTS:
        _appear(state / name, out / name)
    flush(state)
    staged_train(state).rename(out / TRAIN)
    flush(state)
    _finish(out)


def finish_publishing(out: Path) -> bool:
    """Complete a publication that ended between the rename of OUT/train and that of run.json; False
    where none did."""
    state = out / STATE
    record = read_record(state / RUN, "counts", "manifest", "versions")
    if record is None or (staged_train(state) / MANIFEST).exists():
        return False
    if not isinstance(record["manifest"], dict) or not manifest_is(out, record):
        return False
    _finish(out)
    return True


def _finish(out: Path) -> None:
    state = out / STATE
    _appear(state / RUN, out / RUN)
    flush(state)
    parts.remove_all(state)


def _appear(staged: Path, place: Path) -> None:
    """Move a file to its place, unless something else appears there, up to the last moment."""
    try:
        move_new(staged, place)
    except FileExistsError:
        _refuse_strange(place, staged)
        staged.replace(place)
        staged.unlink(missing_ok=True)  # which is still there where both are one file


def _refuse_strange(path: Path, ours: Path | None) -> None:
    """Refuse to put something in the place of what the run did not put there. An empty folder may
    be replaced by OUT/train."""
    if not os.path.lexists(path):
        return
    if not is_link(path):
        if ours is None and path.is_dir() and not any(path.iterdir()):
            return
        if ours is not None and _same_bytes(path, ours):
            return
    raise _strange(path)


def _strange(path: Path) -> RunFailed:
    return RunFailed(
        f"{path} appeared while the run went on and is not its own; move it away and run the same"
        " command with --resume."
    )


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        with open_regular(one) as a, open_regular(other) as b:
            while True:
                piece = a.read(_CHUNK)
                if piece != b.read(_CHUNK):
                    return False
                if not piece:
                    return True
    except (OSError, UserError):
        return False


def check_images(state: Path) -> int:
    """Remove the parts whose staged images are not all there with the bytes of their rows, so that
    their shards are made again; how many."""
    train, removed = os.fspath(staged_train(state)), 0
    for part in list(parts.proven_parts(state)):
        try:
            whole = all(_is_whole(f"{train}/{name}", sha256) for name, sha256 in part.images_of())
        except (OSError, ValueError, UserError):
            whole = False
        if not whole:
            part.path.unlink()
            removed += 1
    return removed


def _is_whole(image: str, sha256: str) -> bool:
    """Whether a file, not a link, has these bytes; raises OSError, UserError where it is none."""
    if is_link(image):
        return False
    return sha256_of(Path(image)) == sha256


def sweep(state: Path) -> int:
    """Remove staged images that no committed row names (a killed worker left them); how many.

    Raises RunFailed where something lies among them that no run wrote.
    """
    names = (name_digest(name) for part in parts.proven_parts(state) for name in part.file_names())
    digests = np.sort(np.fromiter(names, np.uint64))
    removed = 0
    for folder in list(staged_train(state).iterdir()):
        if is_link(folder) or not folder.is_dir():
            if folder.name == MANIFEST and not is_link(folder):
                continue
            raise _strange(folder)
        for image in folder.iterdir():
            if not OUTPUT_NAME.fullmatch(image.name):
                raise _strange(image)
            digest = name_digest(f"{folder.name}/{image.name}")
            at = int(np.searchsorted(digests, digest))
            if at == len(digests) or digests[at] != digest:
                image.unlink()
                removed += 1
        if not any(folder.iterdir()):
            folder.rmdir()
    return removed


def name_digest(file_name: str) -> np.uint64:
    """Eight bytes that stand for a file name among many."""
    name = os.fsencode(file_name)
    return np.uint64(int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little"))


def prepare_state(state: Path) -> Path:
    """Make the folders that a run keeps its state in; returns `state`."""
    parts.make_folder(state)
    staged_train(state).mkdir(exist_ok=True)
    return state


def flush(path: Path) -> None:
    """Flush the file system that holds `path`: one call a shard instead of one a file."""
    if not sys.platform.startswith("linux"):
        if hasattr(os, "sync"):
            os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
