"""A folder of saliency maps: what is staged while they are made, what is committed, what is there.

    OUT/.augcli-maps/identity.json   what the maps are, by which a resumed run knows itself again
    OUT/.augcli-maps/maps/           maps, until all of them are made
    OUT/.augcli-maps/rows/           a file of rows for each chunk of images; its rename commits it

At the end the maps move into OUT, and their index comes last: maps without one are not complete.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from augcli.data.listing import Listing
from augcli.enums import Existing, MapFormat
from augcli.errors import RunFailed, UserError
from augcli.files import MIB, is_link, parse_json, read_json, read_lines, sha256_of
from augcli.manifest.row import to_line
from augcli.store.durable import check_no_link, flush, write_durably, write_json
from augcli.store.folders import MAPS_KIND, describe, holds_maps
from augcli.store.journal import check_place, refuse_others
from augcli.store.layout import ERRORS, IDENTITY, KEPT, MAPS_INDEX, MAPS_STATE, SOURCES
from augcli.store.map_names import OVERLAY
from augcli.store.records import Identity
from augcli.store.sources import keep_sources

STATE, INDEX = MAPS_STATE, MAPS_INDEX
RESERVED = (INDEX, ERRORS, STATE)

_LOCK, _HOLDER = KEPT
_STAGED, _ROWS, _REPLACED = "maps", "rows", "replaced.jsonl"
_ANY_CHUNK = f"{'[0-9]' * 10}-{'[0-9]' * 10}.jsonl"
_CHUNK_ROWS = re.compile(r"[0-9]{10}-[0-9]{10}\.jsonl(\.[0-9]+\.tmp)?")
_LEAVING = f"{_ROWS}.tmp"
_UNFINISHED = re.compile(
    rf"({IDENTITY}|{_HOLDER}|{_REPLACED}|{SOURCES}|{INDEX}|{ERRORS})(\.[0-9]+)?\.tmp"
)
_ENDINGS = (*(f".{kind.value}" for kind in MapFormat), OVERLAY)

Row = dict[str, Any]


def check_maps_out(out: Path, source: Path | None, existing: Existing) -> None:
    """Refuse an OUT that maps must not be written to; nothing is changed. Raises UserError."""
    check_place(out, source)
    _refuse_foreign_state(out)
    if not out.exists() or not any(out.iterdir()) or _is_unbegun(out):
        return
    ours = holds_maps(out)
    existing = _replacing_nothing(out, existing) if ours else existing
    if existing is not Existing.refuse:
        if not ours:
            replaces = existing is Existing.overwrite
            flag = "--overwrite only replaces" if replaces else "--resume only goes on with"
            raise UserError(f"OUT {out} {describe(out)}, and no saliency maps; {flag} these.")
        _refuse_foreign(out)
        return
    if not ours:
        raise UserError(f"OUT {out} is not empty: it {describe(out)}; choose an empty folder.")
    if is_complete(out):
        raise UserError(
            f"OUT {out} holds saliency maps, which are complete; choose another OUT, or give"
            " --overwrite to replace them."
        )
    raise UserError(
        f"OUT {out} holds saliency maps that are not finished; give their command with --resume to"
        " go on with them, or --overwrite to replace them, or choose another OUT."
    )


def _replacing_nothing(out: Path, existing: Existing) -> Existing:
    """What is to become of the maps in OUT: an index without a map, as every input was skipped, may
    be replaced without being asked for."""
    index = out / INDEX
    is_empty = not is_link(index) and index.is_file() and index.stat().st_size == 0
    return Existing.overwrite if existing is Existing.refuse and is_empty else existing


def is_complete(out: Path) -> bool:
    """Whether the maps in OUT have their index."""
    return (out / INDEX).is_file()


def begin(out: Path, now: Identity, listing: Listing, existing: Existing) -> bool:
    """Make OUT ready for maps of a listing; True where they go on with what an earlier run left.

    Raises UserError where that made other maps, and says what differs.
    """
    state = out / STATE
    _refuse_foreign_state(out)
    existing = _replacing_nothing(out, existing)
    before = _identity_of(out)
    resumed = existing is Existing.resume and before is not None
    if resumed and before is not None:
        _refuse_foreign(out)
        refuse_others(f"The maps in OUT {out} were", before, now, state, listing)
    elif existing is Existing.overwrite and before is not None:
        _remove(out)
    if not resumed:
        if any(path.name != STATE for path in out.iterdir()):
            raise UserError(f"OUT {out} is not empty; choose an empty folder.")
        write_json(state / IDENTITY, {"kind": MAPS_KIND, **now.values})
    is_new = not is_complete(out) and not committed(out)
    if is_new and not (state / SOURCES).exists():
        keep_sources(state, listing)
    if not is_complete(out):
        staged(out).mkdir(exist_ok=True)
        (state / _ROWS).mkdir(exist_ok=True)
        flush(state)
    return resumed


def staged(out: Path) -> Path:
    """The folder in which maps wait for the others."""
    return out / STATE / _STAGED


def refuse_link_above(out: Path, file_name: str) -> None:
    """Raise OSError where a folder that a staged map goes to has become a link."""
    folder = staged(out)
    for part in ("", *Path(file_name).parts[:-1]):
        folder = folder / part
        check_no_link(os.fspath(folder))


def commit(out: Path, start: int, stop: int, rows: list[Row]) -> None:
    """Make the maps of the images `start` to `stop` durable, then their rows, by a rename."""
    folder = out / STATE / _ROWS
    flush(folder)
    write_durably(folder / f"{start:010d}-{stop:010d}.jsonl", "".join(map(to_line, rows)))


def committed(out: Path) -> list[tuple[int, int]]:
    """What chunks of images are done, as (start, stop), sorted and apart from one another."""
    chunks: list[tuple[int, int]] = []
    for path in sorted((out / STATE / _ROWS).glob(_ANY_CHUNK)):
        start, stop = map(int, path.stem.split("-"))
        if not chunks or start >= chunks[-1][1]:
            chunks.append((start, stop))
    return chunks


def keep_proven(out: Path) -> None:
    """Before a run goes on: take back maps that were on their way into OUT, forget each chunk with
    a map that its row does not prove, and remove what no row names."""
    for path in out.iterdir():
        if path.name != STATE:
            path.rename(staged(out) / path.name)
    named = set[str]()
    for path in sorted((out / STATE / _ROWS).glob(_ANY_CHUNK)):
        try:
            rows = list(_rows(path))
            whole = not any(name for row in rows for name in _unproven(staged(out), row))
        except (ValueError, KeyError, TypeError, UserError):
            whole = False
        if whole:
            named.update(name for row in rows for name in _files(row))
        else:
            path.unlink()
    for name in list(_walk(staged(out))):
        if name not in named:
            (staged(out) / name).unlink()
    _remove_empty(staged(out))
    (out / STATE / _REPLACED).unlink(missing_ok=True)


def check_complete(out: Path) -> None:
    """Raise UserError where a map of a complete OUT, or a picture, is missing or damaged."""
    try:
        for row in _rows(out / INDEX):
            for name in _unproven(out, row):
                amiss = "is not as it was written" if os.path.lexists(out / name) else "is missing"
                raise UserError(f"{out / name} {amiss}; give --overwrite to make the maps anew.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{out / INDEX} is damaged; give --overwrite to start anew.") from error


def counted(out: Path) -> tuple[int, int, int]:
    """(maps, flat maps, skipped inputs) of a complete OUT."""
    maps = flat = 0
    for row in _rows(out / INDEX):
        maps += 1
        flat += bool(row.get("flat"))
    errors = out / ERRORS
    return maps, flat, sum(1 for _ in read_lines(errors, MIB)) if errors.is_file() else 0


def publish(out: Path) -> None:
    """Let the maps appear in OUT, then the list of skipped inputs, and the index last."""
    state = out / STATE
    skipped = False
    index, errors = state / INDEX, state / ERRORS
    for path in (index, errors):
        path.unlink(missing_ok=True)  # it may be a link, or have another name elsewhere
    with index.open("xb") as listed, errors.open("xb") as left_out:
        for start, stop in committed(out):
            for line in read_lines(state / _ROWS / f"{start:010d}-{stop:010d}.jsonl", MIB):
                is_skipped = "reason" in parse_json(line)
                (left_out if is_skipped else listed).write(line)
                skipped = skipped or is_skipped
    flush(state)
    waiting = sorted(staged(out).iterdir())
    for name in (*(path.name for path in waiting), INDEX, *([ERRORS] if skipped else [])):
        if os.path.lexists(out / name):
            raise RunFailed(
                f"{out / name} appeared while maps were made and is not one of them; move it away"
                " and run the same command with --resume."
            )
    for path in waiting:
        path.rename(out / path.name)
    if skipped:
        errors.replace(out / ERRORS)
    else:
        errors.unlink()
    flush(state)
    index.replace(out / INDEX)
    flush(state)
    remove_staging(out)


def remove_staging(out: Path) -> None:
    """Remove what complete maps need no more; a run may be killed before it does, and while the
    rows are under their own name all of them are there."""
    rows, leaving = out / STATE / _ROWS, out / STATE / _LEAVING
    if leaving.exists():
        shutil.rmtree(leaving)
    if rows.exists():
        rows.rename(leaving)
        shutil.rmtree(leaving)
    if staged(out).exists():
        staged(out).rmdir()


def _is_unbegun(out: Path) -> bool:
    """Whether a run was stopped in OUT before it wrote down what it is."""
    state = out / STATE
    if not state.is_dir() or any(path != state for path in out.iterdir()):
        return False
    harmless = (_LOCK, _HOLDER, f"{IDENTITY}.")  # the last with an ending: never renamed
    return all(path.name.startswith(harmless) for path in state.iterdir())


def _identity_of(out: Path) -> dict[str, Any] | None:
    """What the maps in OUT are, if it holds maps."""
    try:
        identity = read_json(out / STATE / IDENTITY, MIB)
    except (OSError, ValueError, UserError):
        return None
    return identity if isinstance(identity, dict) and identity.get("kind") == MAPS_KIND else None


def _rows(path: Path) -> Iterator[Row]:
    for line in read_lines(path, MIB):
        row = parse_json(line)
        if not isinstance(row, dict):
            raise ValueError("a row is no object")
        yield row


def _files(row: Row) -> list[str]:
    """The files that a row is about, below OUT."""
    if "reason" in row:
        return []
    name = str(row["file_name"])
    stem = name.rpartition(".")[0]
    return [name, stem + OVERLAY] if row.get("overlay_sha256") else [name]


def _unproven(folder: Path, row: Row) -> Iterator[str]:
    """The files that a row is about which are not there with the bytes that it names."""
    digests = [row.get("sha256"), row.get("overlay_sha256")]
    for name, digest in zip(_files(row), digests, strict=False):
        if _digest(folder / name) != digest:
            yield name


def _digest(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except (OSError, UserError):
        return None


def _named(out: Path) -> dict[str, set[str | None]]:
    """The files in OUT that are its own, by its index, or by its rows where it has none yet, with
    their digests; None for the lists themselves."""
    named: dict[str, set[str | None]] = {
        name: {None} for name in (INDEX, ERRORS) if _is_own_list(out, name)
    }
    state = out / STATE
    for path in (out / INDEX, state / _REPLACED, *(state / _ROWS).glob(_ANY_CHUNK)):
        with suppress(OSError, ValueError, KeyError, TypeError, UserError):
            for row in _rows(path):
                digests = [row.get("sha256") or "", row.get("overlay_sha256") or ""]
                for name, digest in zip(_files(row), digests, strict=False):
                    named.setdefault(name, set()).add(str(digest))
    return named


def _is_own_list(out: Path, name: str) -> bool:
    """Whether the index in OUT, or its list of skipped inputs, is of these maps: its lines are such
    rows, and before all is published each is among those of the chunks."""
    rows = out / STATE / _ROWS
    keys = {"source_path", "source_id", "file_name" if name == INDEX else "reason"}
    try:
        if rows.exists():
            lines = {line for path in rows.glob(_ANY_CHUNK) for line in read_lines(path, MIB)}
            return all(line in lines for line in read_lines(out / name, MIB))
        return all(keys <= row.keys() for row in _rows(out / name))
    except (OSError, ValueError, UserError):
        return False


def _refuse_foreign_state(out: Path) -> None:
    """Raise UserError where a link, or something that no run writes, lies in the state of OUT."""
    state = out / STATE
    if is_link(state):
        raise UserError(f"{state} is a link, and nothing is written through links; remove it.")
    if not state.is_dir():
        return
    known = (_LEAVING, IDENTITY, _LOCK, _HOLDER, _STAGED, _ROWS, _REPLACED, INDEX, ERRORS, SOURCES)
    for path in sorted(state.iterdir()):
        if is_link(path):
            raise UserError(f"{path} is a link, and nothing is written through links; remove it.")
        unfinished = _UNFINISHED.fullmatch(path.name)
        if path.name not in known and not unfinished:
            raise UserError(f"{path} is nothing that maps leave there; move it away.")
        if path.is_dir() != (path.name in (_STAGED, _ROWS, _LEAVING)):
            raise UserError(f"{path} is nothing that maps leave there; move it away.")
    for name in _walk(state / _STAGED):
        if not name.endswith(_ENDINGS) or is_complete(out):
            raise UserError(
                f"{state / _STAGED / name} is nothing that maps leave there; move it away."
            )
    for path in sorted([*(state / _ROWS).glob("*"), *(state / _LEAVING).glob("*")]):
        if path.is_dir() or not _CHUNK_ROWS.fullmatch(path.name):
            raise UserError(f"{path} is nothing that maps leave there; move it away.")


def _refuse_foreign(out: Path) -> None:
    """Refuse an OUT with a file that is none of its maps, by its name or by its bytes."""
    named = _named(out)
    for name in _walk(out):
        digests = named.get(name)
        if digests is None:
            raise UserError(
                f"OUT {out} holds {name}, which is none of its maps; move it away first."
            )
        if None not in digests and _digest(out / name) not in digests:
            raise UserError(
                f"OUT {out} holds {name}, which is not as it was written; move it away first."
            )


def _walk(folder: Path) -> Iterator[str]:
    """The files below a folder, its state left out, by their paths in it."""
    for place, inner, files in os.walk(folder):
        if Path(place) == folder and STATE in inner:
            inner.remove(STATE)
        linked = [name for name in inner if (Path(place) / name).is_symlink()]
        for name in sorted([*files, *linked]):
            yield (Path(place) / name).relative_to(folder).as_posix()


def _remove(out: Path) -> None:
    """Remove the maps in OUT, what would let them pass for complete first, and nothing else."""
    _refuse_foreign(out)
    state = out / STATE
    if is_complete(out):  # what removes them may be stopped, and then still has their names
        (out / INDEX).replace(state / _REPLACED)
        flush(out)
    for name in list(_walk(out)):
        (out / name).unlink()
    _remove_empty(out)
    _refuse_foreign_state(out)
    for path in list(state.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in (_LOCK, _HOLDER, IDENTITY):
            path.unlink()
    (state / IDENTITY).unlink()


def _remove_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if Path(place) != folder and STATE not in Path(place).relative_to(folder).parts:
            with suppress(OSError):  # something is in it
                Path(place).rmdir()
