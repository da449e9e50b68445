"""The output directory: what is staged while a run goes on, what is committed, what is published.

    OUT/.augcli/identity.json   what the run is, by which a resumed one knows itself again
    OUT/.augcli/train/          images, until all of them are made
    OUT/.augcli/parts/          one file of manifest rows a shard; its rename is the shard's commit

OUT/train appears by one rename when everything is there, so a reader never sees half a data set:
no row without its file, no file without its row. A loss of power may undo any write and any rename
since the last flush, in any order: whatever depends on an earlier step is flushed behind it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from augcli.dataset.listing import Listing
from augcli.manifest.row import MANIFEST

STATE = ".augcli"
TRAIN = "train"
CLASSES = "classes.txt"
RUN = "run.json"
ERRORS = "errors.jsonl"
OURS = (TRAIN, CLASSES, RUN, ERRORS, STATE)
IDENTITY = "identity.json"

# Files of the lock, which outlive a run that is replaced.
KEPT = ("lock", "holder.json")

_PARTS = "parts"
_LISTED = "listed"
_ROWS = ".rows"
_SKIPPED = ".errors"
_ANY_PART = f"{'[0-9]' * 8}-{'[0-9]' * 5}-{'[0-9]' * 5}{_ROWS}"


class Published(NamedTuple):
    """How many rows and how many skipped inputs a finished run has."""

    rows: int
    errors: int


def staged_train(state: Path) -> Path:
    """The folder in which images wait for the end of the run."""
    return state / TRAIN


def commit_part(state: Path, part: str, rows: str, errors: str) -> None:
    """Make a shard's rows durable: its images reach the disk first, then the part by a rename.

    Inputs that were skipped stand beside it before it is there.
    """
    folder = state / _PARTS
    beside = folder / f"{part}{_SKIPPED}"
    if errors:
        write_durably(beside, errors)
    else:
        beside.unlink(missing_ok=True)  # an earlier attempt may have found some
    flush(folder)
    write_durably(folder / f"{part}{_ROWS}", rows)


def is_committed(state: Path, part: str) -> bool:
    """Whether a shard's part is there: then its images are not to be touched any more."""
    return (state / _PARTS / f"{part}{_ROWS}").is_file()


def committed(state: Path) -> list[tuple[int, int, int]]:
    """(block, start, stop) of every committed part, sorted."""
    return sorted(_place(path) for path in (state / _PARTS).glob(_ANY_PART))


def write_file(path: str, data: bytes | memoryview) -> None:
    """Write a staged image, without a file object, which costs as much as the call itself.

    Its folder is made at need.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
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


def write_durably(path: Path, text: str) -> None:
    """Write a file so that it is either whole or absent, also after a loss of power."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON object durably."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    # Paths of bytes that are no UTF-8 hold surrogates, which JSON has escapes for.
    write_durably(path, text.encode("utf-8", "backslashreplace").decode() + "\n")


def keep_listed(state: Path, listing: Listing) -> None:
    """Keep the paths of a list that was piped in, for `verify`: it cannot be asked for again."""
    unfinished = state / f"{_LISTED}.tmp"
    with unfinished.open("wb") as file:
        for index in range(len(listing)):
            file.write(listing.relative_path(index) + b"\0")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(state / _LISTED)


def read_listed(out: Path) -> bytes | None:
    """The paths that `keep_listed` kept, each with a NUL behind it, if it did."""
    file = out / STATE / _LISTED
    return file.read_bytes() if file.is_file() else None


def part_rows(state: Path, part: str) -> str:
    """The rows of a committed part."""
    return (state / _PARTS / f"{part}{_ROWS}").read_text(encoding="utf-8")


def part_errors(state: Path, part: str) -> str:
    """The inputs that were skipped in a committed part."""
    beside = state / _PARTS / f"{part}{_SKIPPED}"
    return beside.read_text(encoding="utf-8") if beside.is_file() else ""


def merge_parts(state: Path) -> Published:
    """Join the committed parts in plan order: rows into the staged manifest, errors beside it."""
    train = staged_train(state)
    train.mkdir(parents=True, exist_ok=True)
    rows = skipped = 0
    with (train / MANIFEST).open("wb") as manifest, (state / ERRORS).open("wb") as errors:
        for part in _parts(state):
            data = part.read_bytes()
            rows += data.count(b"\n")
            manifest.write(data)
            beside = part.with_suffix(_SKIPPED)
            if beside.is_file():
                data = beside.read_bytes()
                skipped += data.count(b"\n")
                errors.write(data)
    return Published(rows, skipped)


def publish(out: Path, classes: Iterable[str], summary: dict[str, Any]) -> None:
    """Let the merged run appear: everything else first, OUT/train by one rename, last."""
    state = out / STATE
    write_durably(state / CLASSES, "".join(f"{name}\n" for name in classes))
    write_json(state / RUN, summary)
    for name in (CLASSES, ERRORS, RUN):
        (state / name).replace(out / name)
    flush(state)
    staged_train(state).rename(out / TRAIN)
    flush(state)
    shutil.rmtree(state / _PARTS)


def sweep(state: Path) -> int:
    """Remove staged images that no committed row names (a killed worker left them); how many."""
    digests = np.sort(
        np.fromiter(
            (
                _digest(json.loads(line)["file_name"])
                for part in _parts(state)
                for line in part.read_bytes().splitlines()
            ),
            np.uint64,
        )
    )
    removed = 0
    for folder in list(staged_train(state).iterdir()):
        if not folder.is_dir():
            continue
        for image in folder.iterdir():
            digest = _digest(f"{folder.name}/{image.name}")
            at = int(np.searchsorted(digests, digest))
            if at == len(digests) or digests[at] != digest:
                image.unlink()
                removed += 1
        if not any(folder.iterdir()):
            folder.rmdir()
    return removed


def _digest(file_name: str) -> np.uint64:
    return np.uint64(
        int.from_bytes(hashlib.blake2b(file_name.encode(), digest_size=8).digest(), "little")
    )


def prepare_state(state: Path) -> Path:
    """Make the folders that a run keeps its state in; returns `state`."""
    (state / _PARTS).mkdir(parents=True, exist_ok=True)
    staged_train(state).mkdir(exist_ok=True)
    return state


def remove_run(out: Path) -> None:
    """Remove what a run left in OUT but its lock, and nothing else.

    What would let a half removed run pass for a whole one goes first.
    """
    state = out / STATE
    first = (state / IDENTITY, out / RUN)
    for path in first:
        path.unlink(missing_ok=True)
    flush(out)
    inner = [path for path in state.iterdir() if path.name not in KEPT] if state.is_dir() else []
    for path in (*(out / name for name in OURS if name != STATE), *inner):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _parts(state: Path) -> Iterator[Path]:
    """The committed parts in plan order. A shard whose worker was killed after its commit may have
    been made again in pieces: what a longer part holds already is passed over."""
    found: list[tuple[int, int, int, Path]] = []
    for path in (state / _PARTS).glob(_ANY_PART):
        block, start, stop = _place(path)
        found.append((block, start, -stop, path))
    at = (-1, 0)
    for block, start, negative_stop, path in sorted(found):
        if (block, start) >= at:
            at = (block, -negative_stop)
            yield path


def _place(part: Path) -> tuple[int, int, int]:
    block, start, stop = map(int, part.stem.split("-"))
    return block, start, stop


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
