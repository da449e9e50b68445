"""Holds OUT against its manifest; makes outputs again to compare them, or to put them in place of
what is missing or broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from augcli.manifest.faults import Fault, Faults
from augcli.manifest.kinds import Kinds
from augcli.manifest.verify import verify as verify_records
from augcli.store.folders import refuse_unverifiable

if TYPE_CHECKING:
    from augcli.engine.job import Runtime


class Checked(NamedTuple):
    """How many rows OUT has, were made again and compared, and were put in place; the first faults
    (1000 at most of what OUT holds, and as many of what was made again), how many there are in all,
    and their kinds."""

    rows: int
    replayed: int
    repaired: int
    faults: list[Fault]
    total: int
    kinds: tuple[Kinds, Kinds]


def verify(
    out: Path,
    *,
    replay: int | None = None,
    repair: bool = False,
    moved: Path | None = None,
    workers: int | None = None,
    max_seconds: float = 60.0,
    on_repair: Callable[[int], None] = lambda _: None,
) -> Checked:
    """Check OUT; with `repair`, make again what is missing or broken first, and remove what killed
    processes left; then make `replay` outputs again (0: all, None: none) and compare.

    `on_repair` is called with how many rows were put in place, where anything was wrong. `moved`
    is where the run's SOURCE is now; `workers` None are as many as there are CPUs. Raises UserError
    where OUT is no finished run or cannot be made again.
    """
    makes = repair or replay is not None
    if makes:
        from augcli.image.opencv import require_opencv

        require_opencv()
    refuse_unverifiable(out)
    before = None
    if repair:
        from augcli.store.journal import stamp

        before = stamp(out)
    verified = verify_records(out)
    if repair and not verified.total:
        from augcli.store.leftovers import clear

        clear(out)
    replayed = repaired = 0
    further = Faults()
    if makes:
        runtime = _runtime(out, workers, max_seconds)
        if repair and verified.total:
            from augcli.tasks.repair import repair as repair_all

            result = repair_all(runtime, verified.wrong, moved=moved, before=before)
            repaired = result.replaced
            for fault in result.faults:
                further.add(*fault)
            further.add_unseen("cannot be made again", result.total - len(result.faults))
            on_repair(repaired)
            verified = verify_records(out)
        if replay is not None and verified.rows:
            from augcli.tasks.replay import replay as replay_rows

            replayed = min(replay, verified.rows) or verified.rows
            for fault in replay_rows(runtime, replay, moved=moved):
                further.add(*fault)
    faults = [*verified.faults, *further.first]
    kinds = verified.kinds, further.kinds
    return Checked(verified.rows, replayed, repaired, faults, verified.total + further.count, kinds)


def _runtime(out: Path, workers: int | None, max_seconds: float) -> Runtime:
    from augcli.cpus import available_cpus
    from augcli.engine.job import Runtime
    from augcli.store.layout import Place

    return Runtime(Place(out), workers=workers or available_cpus(), seconds_an_image=max_seconds)
