"""A whole run, from an empty OUT or an interrupted one to a published one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from augcli.engine.executors.pool import Pool
from augcli.engine.job import identity
from augcli.engine.maps import served
from augcli.engine.plan import Run, remaining
from augcli.engine.shard import ShardReport, ShardWork
from augcli.enums import STDIN, Existing, Originals, Pair
from augcli.errors import RESUME, RunFailed, UserError
from augcli.manifest.mass import label_mass
from augcli.published import TRAIN
from augcli.store.durable import write_json
from augcli.store.journal import begin, check_begin, check_splits, counted, stamp
from augcli.store.layout import TIMINGS
from augcli.store.lock import holding, refuse_held
from augcli.store.merge import Published
from augcli.store.records import IMAGE_BYTES
from augcli.store.sources import keep_listed
from augcli.text import count_text

# run.json lists the label mass of up to so many classes.
_LISTED_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run left: rows in the manifest, inputs skipped, the images of other splits by
    their names in OUT, seconds; whether it went on with an interrupted run, and whether that was
    complete already; of a run that balances classes also the label mass of each, unless it was
    complete."""

    outputs: int
    skipped: int
    others: dict[str, int]
    seconds: float
    resumed: bool
    was_complete: bool = False
    label_mass: list[float] | None = None


def generate(
    run: Run,
    *,
    source: Mapping[str, Any],
    command: Sequence[str] = (),
    existing: Existing = Existing.refuse,
    on_start: Callable[[int, int], None] = lambda *_: None,
    on_report: Callable[[ShardReport], None] = lambda _: None,
) -> Outcome:
    """Make all outputs of `run` in its OUT and publish them.

    `source` goes into run.json, where `replay` finds it. `command`, the command line of the process
    that ends the run, goes with its times into a file of their own, as they differ where the same
    job has the same bytes. `on_start` is called with how many outputs are planned and how many are
    there already. Raises UserError where OUT belongs to another run or is in use, and RunFailed
    where it cannot be written.
    """
    started = time.monotonic()
    place, sink = run.runtime.place, run.sink
    before = stamp(place.out)
    with _faults_named(place.out), holding(place.out):
        if existing is Existing.overwrite and stamp(place.out) != before:
            raise UserError(
                f"OUT {place.out} was changed by another run meanwhile; look at it, then give the"
                " same command again."
            )
        if existing is not Existing.resume:
            check_splits(place.out, (split.name for split in run.others))
        now = identity(run.job, run.listing)
        resumed = begin(place.out, now, run.listing, existing)
        if sink.begin(place, now, resumed=resumed):
            return Outcome(*counted(place.out), 0.0, resumed, was_complete=True)
        if source["source"] == STDIN:
            keep_listed(place.state, run.listing)
        total = planned(run) + sum(len(split.listing) for split in run.others)
        on_start(total, sum(part.rows for part in sink.committed(place)))
        deaths = _make_shards(run, on_report)
        mass = _label_mass(run)

        def summarise(published: Published) -> dict[str, Any]:
            _check_count(run, published)
            return _summary(run, source, published) | _ending(run, mass)

        published = sink.finish(
            place, run.listing.classes, summarise, interrupted=resumed or deaths > 0
        )
        seconds = time.monotonic() - started
        write_json(place.state / TIMINGS, _timings(run, command, seconds))
    others = {name: split.rows for name, split in published.splits.items()}
    return Outcome(published.rows, published.errors, others, seconds, resumed, label_mass=mass)


def check(run: Run, existing: Existing = Existing.refuse) -> None:
    """Raise UserError where `generate` would refuse OUT; nothing is made or changed."""
    out = run.runtime.place.out
    refuse_held(out)
    if existing is not Existing.resume:
        check_splits(out, (split.name for split in run.others))
    check_begin(out, identity(run.job, run.listing), run.listing, existing)


def _make_shards(run: Run, on_report: Callable[[ShardReport], None]) -> int:
    """Have the shards made that are not committed yet; how many workers died meanwhile."""
    todo = remaining(run.plan, run.sink.committed(run.runtime.place))
    workers, seconds = run.runtime.workers, run.runtime.seconds_an_image
    with (
        served(run) as reachable,
        closing(Pool(ShardWork(reachable), todo, workers, seconds_an_image=seconds)) as pool,
    ):
        for report in pool.reports():
            on_report(report)
    return pool.deaths


def _label_mass(run: Run) -> list[float] | None:
    """The label mass of each class in the training split, of a run that balances them."""
    if run.job.per_class is None and run.job.pair is not Pair.balanced:
        return None
    committed = run.sink.committed(run.runtime.place)
    of_train = (part for part in committed if run.plan.split(part.shard.block) == TRAIN)
    lines = (line for part in of_train for line in part.row_lines())
    return label_mass(lines, len(run.listing.classes))


def _ending(run: Run, mass: list[float] | None) -> dict[str, Any]:
    """What stands at the end of run.json."""
    if mass is None or len(mass) > _LISTED_CLASSES:
        return {}
    return {"label_mass": dict(zip(run.listing.classes, mass, strict=True))}


def _timings(run: Run, command: Sequence[str], seconds: float) -> dict[str, Any]:
    """What is to be known of the process that ended the run: nothing of it decides about a byte of
    another file."""
    return {
        "command": list(command),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(sum(os.times()[:4]), 3),
        "workers": run.runtime.workers,
    }


def _model(run: Run) -> dict[str, Any] | None:
    """Where the classifier is, and how it ran, beside what identifies it."""
    classifier = run.runtime.classifier
    if classifier is None:
        return None
    return {"file": classifier.model, "outputs": classifier.outputs, "device": classifier.device}


@contextmanager
def _faults_named(out: Path) -> Iterator[None]:
    """Raise RunFailed for what the system refuses this process; workers say it of themselves."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        where, why = error.filename or out, error.strerror or error
        raise RunFailed(f"{where}: {why}; {RESUME}") from error


def planned(run: Run) -> int:
    """How many rows the training split of a run has if nothing fails: its outputs, and originals
    where those go along."""
    originals = 0 if run.job.include_originals is Originals.none else len(run.listing)
    return run.plan.outputs + originals


def _check_count(run: Run, published: Published) -> None:
    """Refuse to publish anything else than what was planned, less what skipped inputs cost."""
    due = {split.name: len(split.listing) for split in run.others}
    rows = {name: (split.rows, split.lost) for name, split in published.splits.items()}
    rows[TRAIN], due[TRAIN] = (published.rows, published.lost), planned(run)
    for name in sorted({*rows, *due}):
        there, lost = rows.get(name, (0, 0))
        wanted = due.get(name, 0) - lost
        if there != wanted or name not in rows:
            of = "" if name == TRAIN else f" of the split {name}"
            were = "was" if wanted == 1 else "were"
            raise RunFailed(
                f"OUT {run.runtime.place.out} has {count_text(there, 'row')}{of} where {wanted}"
                f" {were} planned:"
                " parts of it were damaged while the run went on; run the same command with"
                " --resume."
            )


def _other_splits(run: Run, published: Published) -> dict[str, Any]:
    """What run.json says of other splits, by their names in OUT, where there are such."""
    splits = {
        split.name: {
            "name": split.listing.split,
            "images": len(split.listing),
            "outputs": of_split.rows,
            "skipped": of_split.errors,
            "planned": len(split.listing),
            IMAGE_BYTES: of_split.image_bytes,
            "manifest": {"sha256": of_split.sha256},
        }
        for split in run.others
        if (of_split := published.splits.get(split.name)) is not None
    }
    return {"splits": splits} if splits else {}


def _summary(run: Run, source: Mapping[str, Any], published: Published) -> dict[str, Any]:
    counts = {
        "images": len(run.listing),
        "classes": len(run.listing.classes),
        "outputs": published.rows,
        "skipped": published.errors,
        "planned": planned(run),
        IMAGE_BYTES: published.image_bytes,
    }
    return {
        **source,
        **{
            ("fingerprint" if k == "source" else k): v
            for k, v in identity(run.job, run.listing).values.items()
        },
        "recipe_digest": run.digest,
        "model": _model(run),
        "counts": counts,
        **_other_splits(run, published),
        "manifest": {"sha256": published.sha256},
    }
