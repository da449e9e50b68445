"""Runs for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from augcli.classifier.spec import ClassifierSpec
from augcli.data.listing import Listing
from augcli.data.source import list_source
from augcli.engine.job import Job, Runtime
from augcli.engine.partners import Partners
from augcli.engine.plan import Plan, Run
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.store.layout import STATE, Place
from augcli.tasks import generate as generate_module
from augcli.tasks.generate import Outcome
from augcli.tasks.source_choice import read_existing


def make_run(
    listing: Listing,
    pipeline: Pipeline,
    state: Path,
    *,
    memory: int = 1 << 29,
    classifier: ClassifierSpec | None = None,
    workers: int = 1,
    **options: Any,
) -> Run:
    """A run whose job has these options."""
    identity = None if classifier is None else classifier.identity()
    job = Job(recipe=pipeline, classifier=identity, **options)
    place = Place(state.parent, state.name)
    return Run(listing, job, Runtime(place, memory, classifier, workers))


def with_options(run: Run, **options: Any) -> Run:
    """The run with other options of its job."""
    assert options.keys() <= Job.model_fields.keys()
    now = {name: getattr(run.job, name) for name in Job.model_fields}
    return replace(run, job=Job(**now | options))


def run_over(source: Path, out: Path, **options: Any) -> Run:
    """CutMix over an image folder."""
    pipeline = Pipeline("cutmix", (Step(CutMix()),))
    return make_run(list_source(source), pipeline, out / STATE, **options)


@lru_cache(maxsize=1)
def partners_of(plan: Plan) -> Partners:
    """The partners of a plan, as a worker has them for all targets of a block."""
    return Partners(plan)


def runtime_of(out: Path, **options: Any) -> Runtime:
    """What an OUT is replayed or repaired with."""
    return Runtime(Place(out), **options)


def generate(
    run: Run,
    *,
    source: Mapping[str, Any],
    workers: int = 1,
    seconds_an_image: float = 60.0,
    resume: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> Outcome:
    """Make a whole run, as the command does with these options."""
    runtime = replace(run.runtime, workers=workers, seconds_an_image=seconds_an_image)
    existing = read_existing(resume=resume, overwrite=overwrite)
    run = replace(run, runtime=runtime)
    return generate_module.generate(run, source=source, existing=existing, **options)
