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
from augcli.enums import STDIN, Originals, Pair
from augcli.errors import RESUME, RunFailed, UserError
from augcli.manifest.mass import label_mass
from augcli.store.journal import begin, check_parts, counted, is_finished, stamp
from augcli.store.layout import staged_train
from augcli.store.lock import holding
from augcli.store.parts import proven_parts
from augcli.store.records import IMAGE_BYTES, check_complete
from augcli.store.sinks.folder import (
    Published,
    keep_listed,
    merge_parts,
    prepare_state,
    publish,
    sweep,
)

# run.json lists the label mass of up to so many classes.
_LISTED_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run left: rows in the manifest, inputs skipped, seconds; whether it went on
    with an interrupted run, and whether that was complete already; of a run that balances classes
    also the label mass of each, unless it was complete."""

    outputs: int
    skipped: int
    seconds: float
    resumed: bool
    was_complete: bool = False
    label_mass: list[float] | None = None


def generate(
    run: Run,
    out: Path,
    *,
    source: Mapping[str, Any],
    command: Sequence[str] = (),
    workers: int,
    seconds_an_image: float = 60.0,
    resume: bool = False,
    overwrite: bool = False,
    on_start: Callable[[int, int], None] = lambda *_: None,
    on_report: Callable[[ShardReport], None] = lambda _: None,
) -> Outcome:
    """Make all outputs of `run` in OUT and publish them.

    `source` goes into run.json, where `replay` finds it, and so does `command`, the command line of
    the process that ends the run, which decides about nothing. `on_start` is called with how many
    outputs are planned and how many are there already. Raises UserError where OUT belongs to
    another run or is in use, and RunFailed where it cannot be written.
    """
    started = time.monotonic()
    before = stamp(out)
    with _faults_named(out), holding(out):
        if overwrite and stamp(out) != before:
            raise UserError(
                f"OUT {out} was changed by another run meanwhile; look at it, then give the same"
                " command again."
            )
        now = identity(run.job, run.listing)
        resumed = begin(out, now, run.listing, resume=resume, overwrite=overwrite)
        if resumed and is_finished(out, now):
            check_complete(out)
            return Outcome(*counted(out), 0.0, resumed, was_complete=True)
        state = prepare_state(run.runtime.state)
        if resumed:
            check_parts(state)
        if source["source"] == STDIN:
            keep_listed(state, run.listing)
        on_start(planned(run), sum(part.rows for part in proven_parts(state)))
        with served(run) as reachable:
            pool = Pool(
                ShardWork(reachable),
                remaining(run.plan, run.runtime.state),
                workers,
                seconds_an_image=seconds_an_image,
            )
            with closing(pool):
                for report in pool.reports():
                    on_report(report)
        if resumed or pool.deaths:
            sweep(state)
        published = merge_parts(state)
        _check_count(run, out, published)
        seconds = time.monotonic() - started
        mass = None
        if run.job.per_class is not None or run.job.pair is Pair.balanced:
            mass = label_mass(staged_train(state), len(run.listing.classes))
        summary = _summary(run, source, published, seconds, workers)
        summary["command"] = list(command)
        if mass is not None and len(mass) <= _LISTED_CLASSES:
            summary["label_mass"] = dict(zip(run.listing.classes, mass, strict=True))
        publish(out, run.listing.classes, summary)
    return Outcome(published.rows, published.errors, seconds, resumed, label_mass=mass)


def _model(run: Run) -> dict[str, Any] | None:
    """Where the classifier is, and how it ran, beside what identifies it."""
    asked = run.runtime.classifier
    if asked is None:
        return None
    return {"file": asked.model, "outputs": asked.outputs, "device": asked.device}


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
    """How many rows a run has if nothing fails: its outputs, and originals where those go along."""
    originals = 0 if run.job.include_originals is Originals.none else len(run.listing)
    return run.plan.outputs + originals


def _check_count(run: Run, out: Path, published: Published) -> None:
    """Refuse to publish anything else than what was planned, less what skipped inputs cost."""
    if published.rows + published.lost != planned(run):
        raise RunFailed(
            f"OUT {out} has {published.rows} rows where {planned(run) - published.lost} were"
            " planned: parts of it were damaged while the run went on; run the same command with"
            " --resume."
        )


def _summary(
    run: Run, source: Mapping[str, Any], published: Published, seconds: float, workers: int
) -> dict[str, Any]:
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
        "manifest": {"sha256": published.sha256},
        "timings": {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "cpu_seconds": round(sum(os.times()[:4]), 3),
            "workers": workers,
        },
    }
