"""What stands in a folder that was given as SOURCE or OUT, in words."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from augcli.data.left_out import is_image_name
from augcli.errors import UserError
from augcli.files import MIB, is_link, read_json
from augcli.store.layout import (
    IDENTITY,
    MANIFEST,
    MAPS_INDEX,
    MAPS_STATE,
    RUN,
    STATE,
    TRAIN,
    staged_train,
)
from augcli.store.records import (
    form_in,
    is_half_removed,
    is_run,
    read_identity,
    read_run_record,
)
from augcli.text import count_text, shorten

_LOOKED_AT = 1_000

FINISH = "finish it by the same `augcli generate ...` with --resume"
FINISH_MAPS = "finish them by the same `augcli saliency ...` with --resume"
REPLACE = "finish that by the same `augcli generate ...` with --overwrite"
MAPS_KIND = "saliency maps of augcli"


def is_unfinished(out: Path) -> bool:
    """Whether OUT holds a run that has not published its images; raises UserError where that cannot
    be looked up."""
    begun = _is_there(out / STATE / IDENTITY)
    finished = _is_there(out / RUN) or _is_there(out / TRAIN / MANIFEST)
    staged = _is_there(staged_train(out / STATE))
    return not _is_there(out / TRAIN) and ((begun and not finished) or staged)


def has_begun(out: Path) -> bool:
    """Whether OUT has a record or a manifest of a run, even a damaged one; raises UserError where
    that cannot be looked up."""
    return any(map(_is_there, (out / STATE / IDENTITY, out / RUN, out / TRAIN / MANIFEST)))


def is_being_replaced(out: Path) -> bool:
    """Whether OUT holds what is left of a run that another was to replace."""
    return is_half_removed(out) and not has_begun(out)


def holds_maps(folder: Path) -> bool:
    """Whether a folder holds saliency maps of augcli, finished or not."""
    if is_link(folder / MAPS_STATE):
        return False
    try:
        identity = read_json(folder / MAPS_STATE / IDENTITY, MIB)
    except (OSError, ValueError, UserError):
        return False
    return isinstance(identity, dict) and identity.get("kind") == MAPS_KIND


def refuse_as_source(source: Path) -> None:
    """Refuse a SOURCE that is an OUT without a data set in it; raises UserError that says what it
    is and what to do."""
    try:
        if not source.is_dir() or not os.access(source, os.R_OK | os.X_OK):
            return
    except OSError:  # which its reader says
        return
    if is_unfinished(source):
        raise UserError(f"SOURCE {source} is the OUT of a run that is not finished; {FINISH}.")
    form_in(source, "a SOURCE may be")
    if is_being_replaced(source):
        raise UserError(f"SOURCE {source} holds what is left of a replaced run; {REPLACE}.")
    if holds_maps(source):
        raise UserError(
            f"SOURCE {source} holds saliency maps, not images to work on; give the folder of the"
            " images."
        )


def refuse_unverifiable(out: Path) -> None:
    """Refuse an OUT that is no finished run; raises UserError that says what it is."""
    if not out.is_dir():
        amiss = "is a file" if out.exists() else "does not exist"
        raise UserError(f"OUT {out} {amiss}; give the folder of a finished run.")
    if is_unfinished(out):
        raise UserError(f"OUT {out} holds a run that is not finished; {FINISH}.")
    if has_begun(out):
        form_in(out, "`augcli verify` reads")
        return
    if is_being_replaced(out):
        raise UserError(f"OUT {out} holds what is left of a replaced run; {REPLACE}.")
    inside = _run_inside(out)
    remedy = "give the OUT of `augcli generate`" + (f", as {inside}" if inside else "")
    if holds_maps(out):
        remedy = "`augcli saliency ... --resume` checks them"
        if not _is_there(out / MAPS_INDEX):
            remedy = FINISH_MAPS
    elif _is_there(out / MANIFEST) and is_run(out.absolute().parent):
        remedy = f"give {out.parent}"
    raise UserError(f"OUT {out} {describe(out)}, and is no run of augcli; {remedy}.")


def _run_inside(folder: Path) -> Path | None:
    """The first folder in another, by name, that holds a run."""
    try:
        names = sorted(one.name for one in islice(folder.iterdir(), _LOOKED_AT))
    except OSError:
        return None
    return next((folder / name for name in names if is_run(folder / name)), None)


def replaced_run(out: Path) -> tuple[str, int | None] | None:
    """The recipe of the run in OUT, and how many images it has (None: it is not finished); None
    where there is no run."""
    record = read_run_record(out / RUN)
    images = None if record is None else record["counts"]["outputs"]
    record = record or read_identity(out / STATE / IDENTITY)
    if record is None:
        return None
    recipe = record.get("recipe")
    name = recipe.get("name") if isinstance(recipe, dict) else recipe
    return shorten(name) if isinstance(name, str) else "an unknown recipe", images


def describe(folder: Path) -> str:
    """What a folder holds, as the predicate of a sentence: "is empty", "holds images in 3 class
    folders". Raises UserError where it cannot be read."""
    if is_being_replaced(folder):
        return "holds what is left of a replaced run"
    if is_run(folder):
        return f"holds a run of augcli{' that is not finished' if is_unfinished(folder) else ''}"
    if holds_maps(folder):
        is_whole = _is_there(folder / MAPS_INDEX)
        return f"holds saliency maps{'' if is_whole else ' that are not finished'}"
    try:
        folders, images, first = _look_into(folder)
    except OSError as error:
        raise UserError(f"{error.filename or folder} cannot be read: {error.strerror}.") from error
    if _is_there(folder / MANIFEST):
        return f"holds images with a {MANIFEST}"
    if folders:
        return f"holds images in {count_text(folders, 'class folder')}"
    if images:
        return f"holds {count_text(images, 'image')} and no class folders"
    return f"holds {shorten(first)}" if first else "is empty"


def _look_into(folder: Path) -> tuple[int, int, str]:
    """How many folders with images directly in them a folder has, how many images, and what comes
    first in it by name."""
    folders = images = 0
    first = ""
    with os.scandir(os.fsencode(folder)) as entries:
        for entry in entries:
            name = os.fsdecode(entry.name)
            first = min(first, name) if first else name
            if entry.name.startswith(b"."):
                continue
            if entry.is_dir():
                folders += _has_images(entry.path)
            else:
                images += is_image_name(entry.name)
    return folders, images, first


def _has_images(folder: bytes) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(is_image_name(entry.name) for entry in entries)
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    return True
