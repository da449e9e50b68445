"""Parts: the rows of one shard each. A part's rename is its shard's commit, and it proves itself.
Beside it a file of the shard's outputs may stand, which is there before.

A part holds manifest rows, then lines about inputs that were skipped, then one line that says whose
part it is and what it holds: the run, the place in the plan, the split where that is not train,
both counts, the bytes of the images, and a digest of all before it. A part that says anything else
than what it holds is none: its shard is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from augcli.errors import UserError
from augcli.files import is_link, open_regular, parse_json
from augcli.published import is_split_folder
from augcli.store.layout import IDENTITY, PARTS, TRAIN

_ROWS, _PIECE = ".rows", ".tar"
_ANY_PART = f"{'[0-9]' * 8}-{'[0-9]' * 5}-{'[0-9]' * 5}{_ROWS}"
# With what versions before 0.2 wrote of skipped inputs.
_OWN_NAME = re.compile(r"[0-9]{8}-[0-9]{5}-[0-9]{5}(\.(rows|tar)(\.[0-9]+\.tmp)?|\.errors)")
_PROOF_KEY = "augcli_part"
_CHUNK = 1 << 20
_LONGEST_PROOF = 1 << 12
_LONGEST_LINE = 1 << 26
# The beginning of every row, in which nothing is escaped.
_FILE_NAME = re.compile(rb'\{"file_name":"([^"\\\0]+)"')


class Shard(NamedTuple):
    """The unit of work and of commitment: the targets `start` to `stop` of a block. Blocks are
    numbered on from one order of the data set to the next."""

    block: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """A name by which shards sort in plan order."""
        return f"{self.block:08d}-{self.start:05d}-{self.stop:05d}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part that proves itself: its shard, and what its proof says that it holds: images of one
    split, by its name in OUT."""

    path: Path
    shard: Shard
    rows: int
    skipped: int
    images: int  # bytes of all image files together
    content: int  # bytes of rows and skipped inputs in the file
    split: str = TRAIN

    @property
    def piece(self) -> Path:
        """Where a sink that packs the outputs of a shard into one file puts that."""
        return self.path.with_suffix(_PIECE)

    def row_lines(self) -> Iterator[bytes]:
        """Its manifest rows, each with its newline, one at a time."""
        with open_regular(self.path) as file:
            for _ in range(self.rows):
                yield file.readline(_LONGEST_LINE)

    def file_names(self) -> Iterator[str]:
        """The image files that its rows name, below the folder of images; raises ValueError where a
        line is no row."""
        for line in self.row_lines():
            match = _FILE_NAME.match(line)
            if match is None:
                raise ValueError("a line is no row")
            yield match[1].decode()

    def images_of(self) -> Iterator[tuple[str, str]]:
        """(file name, SHA-256 in hex) of the images that its rows name; raises ValueError where a
        line is no row."""
        for line in self.row_lines():
            row = parse_json(line)
            if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
                raise ValueError("a line is no row")
            yield row["file_name"], str(row.get("sha256"))

    def skipped_lines(self) -> Iterator[bytes]:
        """Its lines about skipped inputs, one at a time."""
        with open_regular(self.path) as file:
            for number in range(self.rows + self.skipped):
                line = file.readline(_LONGEST_LINE)
                if number >= self.rows:
                    yield line


class PartWriter:
    """Writes a part as its rows are made; `commit` lets it appear. Without it nothing does."""

    def __init__(self, state: Path, shard: Shard) -> None:
        self._shard = shard
        if is_link(state / PARTS):
            raise OSError(0, "it is a link, and nothing is written through a link", state / PARTS)
        self._final = state / PARTS / f"{shard.name}{_ROWS}"
        self._temporary = self._final.with_name(f"{self._final.name}.{os.getpid()}.tmp")
        self._run = run_digest(state)
        with suppress(FileNotFoundError):
            self._temporary.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(self._temporary, flags, 0o666), "wb")
        self._hash = hashlib.blake2b(digest_size=16)
        self._rows = self._skipped = 0
        self._images = self._content = 0
        self._split: str | None = None

    @property
    def piece(self) -> Path:
        """Where the file of a part's outputs goes, as `Part.piece` says."""
        return self._final.with_suffix(_PIECE)

    def set_split(self, split: str) -> None:
        """Say of which split what comes next is; raises ValueError where that before is of
        another."""
        if self._split not in (None, split):
            raise ValueError("a part holds images of one split")
        self._split = split

    def add_row(self, line: str, image_bytes: int) -> None:
        """Add the row of an image file of so many bytes; raises ValueError behind the line of a
        skipped input."""
        if self._skipped:
            raise ValueError("the rows of a part stand before its skipped inputs")
        self._write(line)
        self._rows += 1
        self._images += image_bytes

    def add_skipped(self, line: str) -> None:
        """Add the line of a skipped input."""
        self._write(line)
        self._skipped += 1

    def commit(self, flush: Callable[[Path], None]) -> Part:
        """Make the part durable: `flush`, called with its folder, brings the images to the disk
        first."""
        proof: dict[str, Any] = {
            "run": self._run,
            "part": self._shard.name,
            "rows": self._rows,
            "skipped": self._skipped,
            "images": self._images,
            "digest": self._hash.hexdigest(),
        }
        split = self._split or TRAIN
        if split != TRAIN:
            proof["split"] = split
        self._file.write(_proof_line(proof))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        flush(self._final.parent)
        self._temporary.replace(self._final)
        return Part(
            self._final, self._shard, self._rows, self._skipped, self._images, self._content, split
        )

    def abandon(self) -> None:
        """Remove what was written, unless it was committed."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _write(self, line: str) -> None:
        data = line.encode()
        self._file.write(data)
        self._hash.update(data)
        self._content += len(data)


def run_digest(state: Path) -> str:
    """What binds parts to their run: the digest of its identity."""
    try:
        with open_regular(state / IDENTITY) as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except (OSError, UserError):
        return ""


def make_folder(state: Path) -> None:
    """Make the folder of parts."""
    (state / PARTS).mkdir(parents=True, exist_ok=True)


def read_part(state: Path, shard: Shard) -> Part | None:
    """The part of this shard if it is there and proves itself."""
    return _proven(state / PARTS / f"{shard.name}{_ROWS}", run_digest(state))


def committed_parts(state: Path, shard: Shard | None = None) -> Iterator[Part]:
    """The parts that are there and prove themselves, in plan order; or that of one shard alone."""
    if shard is None:
        yield from proven_parts(state)
    elif part := read_part(state, shard):
        yield part


def proven_parts(state: Path) -> Iterator[Part]:
    """The parts that prove themselves, in plan order. A shard whose worker was killed after its
    commit may have been made again in pieces: what a longer part holds already is passed over."""
    run = run_digest(state)
    places = [(*_shard_of(path), path) for path in _files(state)]
    at = (-1, 0)
    for block, start, stop, path in sorted(places, key=lambda p: (p[0], p[1], -p[2])):
        if (block, start) >= at and (part := _proven(path, run)):
            at = (block, stop)
            yield part


def remove_unproven(state: Path) -> int:
    """Remove parts that do not prove themselves, so that their shards are made again, and what was
    being written when a worker was killed; how many parts."""
    for path in _own_files(state / PARTS):
        if path.suffix == ".tmp":
            path.unlink()
    damaged = unproven(state)
    for path in damaged:
        path.unlink()
    return len(damaged)


def remove_orphans(state: Path) -> None:
    """Remove the files of outputs beside which no part stands that proves itself."""
    pieces = {part.piece for part in proven_parts(state)}
    for path in _own_files(state / PARTS):
        if path.suffix == _PIECE and path not in pieces:
            path.unlink()


def remove_all(state: Path) -> None:
    """Remove the folder of parts; what else lies in it stays."""
    folder = state / PARTS
    if folder.is_dir():
        for path in _own_files(folder):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def unproven(state: Path) -> list[Path]:
    """What has the name of a part and does not prove itself."""
    run = run_digest(state)
    return sorted(path for path in _files(state) if _proven(path, run) is None)


def strangers(state: Path) -> list[Path]:
    """What lies in the folder of parts and is neither a part nor one that was being written."""
    folder = state / PARTS
    return sorted({*folder.glob("*"), *folder.glob(".*")} - set(_own_files(folder)))


def _own_files(folder: Path) -> list[Path]:
    return [p for p in folder.glob("*") if _OWN_NAME.fullmatch(p.name) and not p.is_dir()]


def _files(state: Path) -> list[Path]:
    return list((state / PARTS).glob(_ANY_PART))


def _shard_of(part: Path) -> Shard:
    return Shard(*map(int, part.stem.split("-")))


def _proven(path: Path, run: str) -> Part | None:
    try:
        with open_regular(path) as file:
            proof, content = _read_proof(file)
            if proof.get("part") != path.stem or proof.get("run") != run:
                return None
            file.seek(0)
            digest, lines = _digest(file, content)
    except (OSError, UserError, ValueError):
        return None
    rows, skipped, images = (_count(proof.get(key)) for key in ("rows", "skipped", "images"))
    if proof.get("digest") != digest or rows + skipped != lines:
        return None
    split = proof.get("split", TRAIN)
    if split != TRAIN and not (isinstance(split, str) and is_split_folder(split)):
        return None
    return Part(path, _shard_of(path), rows, skipped, images, content, split)


def _count(value: Any) -> int:
    """A count that a proof names; -1 where it is none, which no part holds."""
    return value if isinstance(value, int) and value >= 0 else -1


def _read_proof(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The proof at the end of a part, and how many bytes stand before it; raises ValueError."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST_PROOF))
    tail = file.read()
    if not tail.endswith(b"\n"):
        raise ValueError("it breaks off")
    begin = tail.rfind(b"\n", 0, len(tail) - 1) + 1
    value = parse_json(tail[begin:])
    proof = value.get(_PROOF_KEY) if isinstance(value, dict) else None
    if not isinstance(proof, dict):
        raise ValueError("it has no proof")
    return proof, size - (len(tail) - begin)


def _digest(file: BinaryIO, count: int) -> tuple[str, int]:
    """The digest of so many bytes, and how many lines they are."""
    digest, lines = hashlib.blake2b(digest_size=16), 0
    while count:
        data = file.read(min(_CHUNK, count))
        if not data:
            raise ValueError("it breaks off")
        digest.update(data)
        lines += data.count(b"\n")
        count -= len(data)
    return digest.hexdigest(), lines


def _proof_line(proof: dict[str, Any]) -> bytes:
    return json.dumps({_PROOF_KEY: proof}).encode() + b"\n"
