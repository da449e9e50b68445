"""What a run is, whether another one may write to its OUT, and what is left to do."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import augcli
from augcli.dataset.labels import printable
from augcli.dataset.listing import Listing
from augcli.errors import RunFailed, UserError
from augcli.files import open_regular, read_json
from augcli.manifest.row import MANIFEST
from augcli.run.layout import IDENTITY, KEPT, OURS, REMOVAL, RUN, STATE, TRAIN
from augcli.run.links import is_link, refuse_links
from augcli.run.parts import proven_parts, remove_unproven
from augcli.run.plan import Run, Shard
from augcli.run.storage import (
    check_images,
    finish_publishing,
    flush,
    is_run,
    manifest_is,
    read_identity,
    read_run_record,
    remove_run,
    write_json,
)

_LOCK, _HOLDER = KEPT
_PATIENCE_SECONDS = 5.0
_LARGEST_HOLDER = 1 << 16


def versions(run: Run | None = None) -> dict[str, str]:
    """The versions of everything that decides about bytes."""
    import cv2
    import numpy
    import PIL

    found = {"numpy": numpy.__version__, "pillow": PIL.__version__}
    if run is not None and run.classifier is not None:
        import onnx

        from augcli.ort import onnxruntime

        found |= {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    return {"augcli": augcli.__version__, "opencv": cv2.__version__, **found}


def identity(run: Run) -> dict[str, Any]:
    """All that the bytes of a run depend on, as JSON; nothing about where or how fast it runs."""
    return {
        "recipe": run.pipeline.describe(),
        "seed": run.seed,
        "source": run.listing.fingerprint(),
        "copies": run.copies,
        "per_class": run.per_class,
        "pair": run.pair.value,
        "size": run.size and list(run.size),
        "fit": run.fit.value,
        "format": run.encoding.format.value,
        "quality": run.encoding.quality,
        "chroma": run.encoding.chroma.value,
        "include_originals": run.originals.value,
        "background": list(run.background),
        "dense_labels": run.dense_labels,
        "max_pixels": run.max_pixels,
        "classifier": None if run.classifier is None else run.classifier.identity(),
        "versions": versions(run),
    }


def check_out(out: Path, source: Path | None, *, resume: bool, overwrite: bool) -> None:
    """Refuse an OUT that this run must not write to; nothing is changed.

    Raises UserError.
    """
    if resume and overwrite:
        raise UserError("--resume and --overwrite exclude each other; give one of them.")
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
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"OUT {out} cannot be written: no permission in {parent}; choose another.")
    if not out.exists() or not any(out.iterdir()):
        return
    refuse_links(out)
    if _is_unbegun(out):
        return
    ours = is_run(out)
    if resume and not (out / STATE / IDENTITY).is_file():
        if (out / STATE / REMOVAL).is_file():
            raise UserError(
                f"OUT {out} holds a run that was being replaced; give --overwrite to start anew."
            )
        raise UserError(f"OUT {out} holds no run to resume; give an empty folder or its run's OUT.")
    if overwrite and not ours:
        foreign = next(iter(sorted(path.name for path in out.iterdir())))
        raise UserError(
            f"OUT {out} holds {foreign}, which no record there proves to be an augcli run;"
            " --overwrite only replaces runs."
        )
    if not resume and not overwrite:
        extra = " Give --resume to go on with its run or --overwrite to replace it." if ours else ""
        raise UserError(f"OUT {out} is not empty; choose an empty folder.{extra}")


def check_apart(out: Path, listing: Listing) -> None:
    """Refuse a list of images that lie inside OUT, which may be replaced; raises UserError."""
    if not out.exists():
        return
    inner = os.fsencode(out.resolve()) + b"/"
    for folder in listing.folders:
        place = os.path.realpath(os.path.join(listing.root, folder))  # noqa: PTH118
        if (place + b"/").startswith(inner):
            raise UserError(
                f"SOURCE lists images in {printable(folder)}, which is inside OUT {out}; choose"
                " another OUT."
            )


def _is_unbegun(out: Path) -> bool:
    """Whether a run was stopped in OUT before it wrote down what it is."""
    state = out / STATE
    if not state.is_dir() or any(path != state for path in out.iterdir()):
        return False
    harmless = (*KEPT, f"{IDENTITY}.")  # the last and others with an ending: never renamed
    return all(path.name.startswith(harmless) for path in state.iterdir())


@contextmanager
def holding(out: Path) -> Iterator[None]:
    """Hold OUT against other runs; raises UserError that names the holder.

    The lock belongs to the open file, so the system frees it when its last process dies.
    """
    state = out / STATE
    try:
        state.mkdir(parents=True, exist_ok=True)
        refuse_links(out)
        lock = FileLock(state / _LOCK, timeout=_PATIENCE_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise UserError(f"OUT {out} is in use by {_holder(state)}; wait for it.") from error
    except OSError as error:
        raise UserError(f"OUT {out} cannot be written: {error.strerror}.") from error
    try:
        write_json(state / _HOLDER, {"process": os.getpid(), "host": platform.node()})
        yield
    finally:
        (state / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(state: Path) -> str:
    try:
        held = read_json(state / _HOLDER, _LARGEST_HOLDER)
        return f"process {held['process']} on {held['host']}"
    except (OSError, UserError, ValueError, KeyError, TypeError):
        return "another run"


def begin(run: Run, out: Path, *, resume: bool, overwrite: bool) -> bool:
    """Make OUT, which is held, ready for `run`; True where it goes on with an earlier one.

    What stands in OUT is looked at again: another run may have been there until now. Raises
    UserError where that was another run, and names what differs.
    """
    state = out / STATE
    if overwrite:
        if not is_run(out) and not _is_unbegun(out):
            raise UserError(f"OUT {out} is no augcli run any more; --overwrite only replaces runs.")
        remove_run(out)
    file = state / IDENTITY
    if resume and file.is_file():
        before = read_identity(file)
        if before is None:
            raise UserError(f"{file} is damaged; give --overwrite to start anew.")
        _same(before, identity(run), out)
        return True
    leftovers = [name for name in OURS if name != STATE and os.path.lexists(out / name)]
    if leftovers or file.is_file():
        name = leftovers[0] if leftovers else "a run"
        raise UserError(f"OUT {out} already holds {name}; give --overwrite to replace it.")
    write_json(file, identity(run))
    flush(state)
    return False


def counted(out: Path) -> tuple[int, int]:
    """(outputs, inputs skipped) of the finished run in OUT; raises UserError where its record is
    damaged."""
    record = read_run_record(out)
    if record is not None:
        counts = record["counts"]
        numbers = counts.get("outputs"), counts.get("skipped")
        if all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
            return numbers
    raise UserError(f"{out / RUN} is damaged; `augcli verify {out}` tells more.")


def _same(before: dict[str, Any], now: dict[str, Any], out: Path) -> None:
    now = json.loads(json.dumps(now))
    different = [key for key in now if before.get(key) != now[key]]
    if different:
        key = different[0]
        words = {"source": "the source's files", "versions": "installed versions"}
        if key in ("recipe", "source"):
            detail = ""
        else:
            detail = f" ({before.get(key)} then, {now[key]} now)"
        raise UserError(
            f"OUT {out} was begun with other {words.get(key, key)}{detail};"
            " resume with the same, or give --overwrite to start anew."
        )


def is_finished(out: Path) -> bool:
    """Whether the run in OUT was published: its record is there, and the manifest that this speaks
    of. A publication that ended between the two is completed.

    Raises UserError where something else than what the run published stands in its place, and
    RunFailed where its manifest is damaged.
    """
    finish_publishing(out)
    record = read_run_record(out)
    if record is None:
        if os.path.lexists(out / RUN):
            raise UserError(
                f"{out / RUN} is damaged; `augcli verify {out}` tells more, --overwrite starts"
                " anew."
            )
        train = out / TRAIN
        if is_link(train) or (train.is_dir() and any(train.iterdir())) or train.is_file():
            raise UserError(
                f"{train} is not of the run in OUT, which has not published yet; move it away."
            )
        return False
    if is_link(out / TRAIN) or not manifest_is(out, record):
        raise RunFailed(
            f"{out / TRAIN / MANIFEST} is not the one that the run in OUT published; `augcli verify"
            f" {out} --repair` makes it again."
        )
    return True


def check_complete(out: Path) -> None:
    """Raise RunFailed where the images of a finished run are not all in their folders.

    Files are counted, a folder at a time; `verify` looks at each.
    """
    train = out / TRAIN
    expected: Counter[str] = Counter()
    with open_regular(train / MANIFEST) as file:
        for line in file:
            expected[json.loads(line)["file_name"].partition("/")[0]] += 1
    missing = 0
    for folder, count in expected.items():
        try:
            found = sum(1 for _ in os.scandir(train / folder))
        except OSError:
            found = 0
        missing += max(0, count - found)
    if missing:
        total = expected.total()
        raise RunFailed(
            f"OUT {out} lacks {missing} of its {total} images; `augcli verify {out} --repair` makes"
            " them again."
        )


def check_parts(state: Path) -> None:
    """Remove what an interrupted run left half done or damaged, so that it is made again."""
    remove_unproven(state)
    check_images(state)


def remaining(run: Run) -> Iterator[Shard]:
    """The shards, or the pieces of shards, that are not committed yet, in plan order."""
    done: dict[int, list[tuple[int, int]]] = {}
    for part in proven_parts(run.state):
        done.setdefault(part.block, []).append((part.start, part.stop))
    for shard in run.plan.shards():
        at = shard.start
        for start, stop in done.get(shard.block, []):
            if start > at:
                yield Shard(shard.block, at, start)
            at = max(at, stop)
        if at < shard.stop:
            yield Shard(shard.block, at, shard.stop)
