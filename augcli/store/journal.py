"""What a run is, whether another one may write to its OUT, and what is left to do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from augcli.data.labels import printable
from augcli.data.left_out import is_image_name
from augcli.data.listing import Listing
from augcli.enums import Existing
from augcli.errors import UserError
from augcli.files import is_link, read_bytes, why_unwritable
from augcli.store.durable import flush, write_json
from augcli.store.folders import describe, is_unfinished, replaced_run
from augcli.store.layout import IDENTITY, KEPT, OURS, RUN, SOURCES, STATE, TRAIN
from augcli.store.links import refuse_links
from augcli.store.parts import proven_parts
from augcli.store.records import (
    LARGEST_RECORD,
    Identity,
    is_half_removed,
    is_run,
    manifest_is,
    read_identity,
    read_run_record,
    splits_in,
    splits_of,
)
from augcli.store.removal import forget_removal, remove_run
from augcli.store.sources import keep_sources, sources_changed
from augcli.text import count_text

_LOCK, _HOLDER = KEPT
# Suffixes of files that others write data sets into; OUT is a folder.
_OF_FILES = (
    *(".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"),
    *(".parquet", ".arrow", ".feather", ".npz", ".npy", ".csv", ".tsv", ".json", ".jsonl"),
    *(".ndjson", ".h5", ".hdf5", ".pkl", ".pickle", ".pt", ".tfrecord", ".mat", ".toml", ".onnx"),
    *(".heic", ".heif", ".svg", ".pdf", ".txt"),
)


def check_out(out: Path, source: Path | None, existing: Existing) -> None:
    """Refuse an OUT that this run must not write to; nothing is changed.

    Raises UserError.
    """
    check_place(out, source)
    try:
        _check_content(out, _replacing_nothing(out, existing))
    except OSError as error:
        where, why = error.filename or out, error.strerror or error
        raise UserError(f"OUT {out} cannot be used: {where}: {why}; choose another.") from error


def check_place(out: Path, source: Path | None) -> None:
    """Refuse an OUT where no folder can be written, or that lies inside SOURCE or around it.

    Raises UserError.
    """
    try:
        out.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise UserError(f"OUT {out} cannot be used: {error.strerror}; choose another.") from error
    if source is not None:
        inner, outer = out.resolve(), source.resolve()
        if inner == outer or outer in inner.parents or inner in outer.parents:
            raise UserError(
                f"OUT {out} and SOURCE {source} lie one inside the other; choose an OUT elsewhere."
            )
    if out.is_symlink() and not out.exists():
        raise UserError(f"OUT {out} is a link to nothing; choose another.")
    if out.exists() and not out.is_dir():
        raise UserError(f"OUT {out} is a file; give a folder.")
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise UserError(f"OUT {out} lies below {parent}, which is a file; choose another.")
    if reason := why_unwritable(parent):
        raise UserError(f"OUT {out} cannot be written: {reason}; choose another.")
    refuse_name_of_file(out, "OUT")


def refuse_name_of_file(folder: Path, called: str) -> None:
    """Refuse a folder that is not there and is called like a file; raises UserError, where it is
    `called` so."""
    if folder.exists() or not _is_called_like_a_file(folder.name):
        return
    bare = folder
    while _is_called_like_a_file(bare.name):
        bare = bare.with_suffix("")
    raise UserError(
        f"{called} {folder} is called like a file, and a folder is written; name a folder, as"
        f" {bare}."
    )


def _is_called_like_a_file(name: str) -> bool:
    return Path(name).suffix.lower() in _OF_FILES or is_image_name(os.fsencode(name))


def _check_content(out: Path, existing: Existing) -> None:
    if not out.exists() or not any(out.iterdir()):
        return
    refuse_links(out)
    if _is_unbegun(out):
        return
    ours = is_run(out)
    file = out / STATE / IDENTITY
    if existing is Existing.resume and os.path.lexists(file):
        _read_own(file, out)
    elif existing is Existing.resume and not is_half_removed(out):
        raise UserError(
            f"OUT {out} {describe(out)}, and no run to resume; give an empty folder or its run's"
            " OUT."
        )
    if existing is Existing.overwrite and not ours:
        raise UserError(f"OUT {out} {describe(out)}, and no run; --overwrite only replaces runs.")
    if existing is Existing.refuse:
        if not ours:
            raise UserError(f"OUT {out} is not empty: it {describe(out)}; choose an empty folder.")
        raise UserError(_of_a_run(out))


def _of_a_run(out: Path) -> str:
    """The sentence that refuses an OUT with a run in it: a finished one cannot be resumed."""
    run = replaced_run(out)
    if run is None:
        return (
            f"OUT {out} is not empty: it {describe(out)}; choose an empty folder, or give"
            " --overwrite to replace it."
        )
    recipe, images = run
    if images is None:
        what = "an unfinished run" if is_unfinished(out) else f"a run without a whole {RUN},"
        return (
            f"OUT {out} holds {what} of recipe {recipe}; give its command with --resume"
            " to go on with it, or --overwrite to replace it, or choose another OUT."
        )
    return (
        f"OUT {out} holds a finished run of recipe {recipe}, with {count_text(images, 'image')};"
        " choose another OUT, or give --overwrite to replace it."
    )


def _replacing_nothing(out: Path, existing: Existing) -> Existing:
    """What is to become of a run in OUT. A finished one of which every input was skipped may be
    replaced without being asked for: its record says so, and its manifest, which that proves, is
    empty."""
    record = read_run_record(out / RUN)
    is_empty = record is not None and record["counts"]["outputs"] == 0
    if existing is not Existing.refuse or not is_empty or is_link(out / TRAIN):
        return existing
    return Existing.overwrite if record and manifest_is(out, record) else existing


def check_splits(out: Path, names: Iterable[str]) -> None:
    """Refuse an OUT in which something that is not the run's stands in the place of one of the new
    run's other splits, of these names; raises UserError."""
    own = splits_in(out)
    for name in names:
        place = out / name
        is_empty = place.is_dir() and not is_link(place) and not any(place.iterdir())
        if name not in own and os.path.lexists(place) and not is_empty:
            raise UserError(
                f"{place} is not of the run in OUT, and stands where a split of SOURCE would go;"
                " move it away, or give --other-splits none."
            )


def check_apart(out: Path, listing: Listing) -> None:
    """Refuse a list of images that lie inside OUT, which may be replaced; raises UserError."""
    if not out.exists():
        return
    inner = os.fsencode(out.resolve()) + b"/"
    places = ((one.root, folder) for one in (listing, *listing.others) for folder in one.folders)
    for root, folder in places:
        place = os.path.realpath(os.path.join(root, folder))  # noqa: PTH118
        if (place + b"/").startswith(inner):
            raise UserError(
                f"SOURCE lists images in {printable(folder)}, which is inside OUT {out}; choose"
                " another OUT."
            )


def check_linkable(out: Path, listing: Listing) -> None:
    """Refuse `--include-originals link` where OUT cannot hold links to the images of a list.

    Every image is looked up, and one of each folder is linked beside OUT, and that removed again.
    Raises UserError.
    """
    place = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    trial, tried = place / f"{STATE}-link.{os.getpid()}.tmp", set[bytes]()
    device = place.stat().st_dev
    for index in range(len(listing)):
        path = os.path.realpath(listing.sample(index).path)
        folder = path.rpartition(b"/")[0]
        why = ""
        try:
            if os.stat(path).st_dev != device:  # noqa: PTH116 - bytes, and a million of them
                why = "it lies on another file system"
            elif folder not in tried:
                tried.add(folder)
                trial.unlink(missing_ok=True)
                os.link(path, trial)
                trial.unlink()
        except FileNotFoundError:  # it costs itself
            continue
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            raise UserError(
                f"--include-originals link cannot link {printable(path)} into OUT {out}: {why};"
                " give --include-originals copy."
            )


def _is_unbegun(out: Path) -> bool:
    """Whether a run was stopped in OUT before it wrote down what it is."""
    state = out / STATE
    if not state.is_dir() or any(path != state for path in out.iterdir()):
        return False
    # What ends with .tmp was never renamed.
    return all(path.name in KEPT or path.name.endswith(".tmp") for path in state.iterdir())


def stamp(out: Path) -> list[bytes]:
    """What tells the run in OUT from one that came after it."""
    digests = []
    for file in (out / STATE / IDENTITY, out / RUN):
        try:
            digests.append(hashlib.sha256(read_bytes(file, LARGEST_RECORD)).digest())
        except (OSError, UserError):
            digests.append(b"")
    return digests


def check_begin(out: Path, now: Identity, listing: Listing, existing: Existing) -> None:
    """Refuse an OUT with another run than the one of this identity that is to be resumed, as
    `begin` does; nothing is changed.

    Raises UserError, which names what differs.
    """
    check_out(out, None, existing)
    file = out / STATE / IDENTITY
    if _replacing_nothing(out, existing) is Existing.resume and file.exists():
        refuse_others(f"OUT {out} was", now.usual | _read_own(file, out), now, out / STATE, listing)


def begin(out: Path, now: Identity, listing: Listing, existing: Existing) -> bool:
    """Make OUT, which is held, ready for the run of this identity; True where it goes on with an
    earlier one.

    What stands in OUT is looked at again: another run may have been there until now. Raises
    UserError where that was another run, and names what differs.
    """
    check_begin(out, now, listing, existing)
    existing = _replacing_nothing(out, existing)
    state, resume = out / STATE, existing is Existing.resume
    file = state / IDENTITY
    # A run that was stopped while it replaced another goes on with that.
    if existing is Existing.overwrite or (resume and not file.exists() and is_half_removed(out)):
        remove_run(out)
    if resume and file.exists():
        published = any(map(os.path.lexists, (out / TRAIN, out / RUN)))
        is_new = not published and next(proven_parts(state), None) is None
        if is_new and not (state / SOURCES).exists():
            keep_sources(state, listing)  # a run was stopped before it did
        forget_removal(out)
        return True
    leftovers = [name for name in OURS if name != STATE and os.path.lexists(out / name)]
    if leftovers:
        raise UserError(f"OUT {out} holds {leftovers[0]}, which is no run's; move it away.")
    write_json(file, now.values)
    keep_sources(state, listing)
    flush(state)
    forget_removal(out)
    return False


def _read_own(file: Path, out: Path) -> dict[str, Any]:
    """The identity of the run in OUT; raises UserError where it is none."""
    own = read_identity(file)
    if own is None:
        remedy = "give --overwrite to start anew" if is_run(out) else "choose another OUT"
        raise UserError(f"{file} is damaged, or no run's; {remedy}.")
    return own


def counted(out: Path) -> tuple[int, int, dict[str, int]]:
    """Of the finished run in OUT: its outputs, inputs skipped, and the images of each other split;
    raises UserError where its record is damaged."""
    record = read_run_record(out / RUN)
    if record is None:
        raise UserError(f"{out / RUN} is damaged; `augcli verify {out}` tells more.")
    others = {split: of_split.get("outputs", 0) for split, of_split in splits_of(record).items()}
    return record["counts"]["outputs"], record["counts"]["skipped"], others


def refuse_others(
    what: str, before: dict[str, Any], now: Identity, state: Path, listing: Listing
) -> None:
    """Raise UserError where an identity from OUT is not that of now, or the files of the source, of
    which `state` may have a record, are others; it begins with `what` and says what differs."""
    words = now.differences(before)
    files = sources_changed(state, listing)
    if files or before.get("source") != now.values["source"]:
        others = "other files in SOURCE" + (f": {files}" if files else "")
        words = f"{words}, and with {others}" if words else others
    if words:
        raise UserError(
            f"{what} begun with {words}; resume with the same, or give --overwrite to start anew."
        )
