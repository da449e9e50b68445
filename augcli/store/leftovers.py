"""What a run or a repair that was killed in its last steps left in a finished OUT."""

from __future__ import annotations

from pathlib import Path

from augcli.store import parts
from augcli.store.layout import ASIDE, LISTS, PARTS, RUN, STATE
from augcli.store.lock import holding
from augcli.store.records import form_in, read_run_record
from augcli.store.removal import UNFINISHED, holds_strangers_aside, remove_aside


def leftovers(out: Path) -> list[Path]:
    """The files and folders in OUT, of a finished run, that serve nothing any more; nothing where
    OUT holds no such run. What no run wrote is not among them."""
    state = out / STATE
    if read_run_record(out / RUN) is None or not state.is_dir():
        return []
    places = [path for path in state.iterdir() if UNFINISHED.fullmatch(path.name)]
    places += (path for name in LISTS for path in out.glob(f"{name}.*.tmp")
               if UNFINISHED.fullmatch(path.name))  # fmt: skip
    if (state / PARTS).is_dir() and not parts.strangers(state):
        places.append(state / PARTS)
    aside = state / ASIDE
    if aside.is_dir() and not holds_strangers_aside(aside, form_in(out, "cleared is")):
        places.append(aside)
    return sorted(path for path in places if path.is_dir() or path.is_file())


def remove_leftovers(out: Path) -> None:
    """Remove them from OUT, which is held."""
    for path in leftovers(out):
        if path.name == ASIDE:
            remove_aside(path, form_in(out, "cleared is"))
        elif path.name == PARTS:
            parts.remove_all(path.parent)
        else:
            path.unlink(missing_ok=True)


def clear(out: Path) -> None:
    """Remove them from OUT, where there are any; raises UserError where OUT is in use."""
    if leftovers(out):
        with holding(out):
            remove_leftovers(out)
