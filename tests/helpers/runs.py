"""Runs for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from augcli.classifier.spec import ClassifierSpec
from augcli.data.listing import Listing
from augcli.data.source import list_source
from augcli.engine.job import Job, Runtime
from augcli.engine.plan import Run
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.store.layout import STATE


def make_run(
    listing: Listing,
    pipeline: Pipeline,
    state: Path,
    *,
    memory: int = 1 << 29,
    classifier: ClassifierSpec | None = None,
    **options: Any,
) -> Run:
    """A run whose job has these options."""
    asked = None if classifier is None else classifier.identity()
    job = Job(recipe=pipeline, classifier=asked, **options)
    return Run(listing, job, Runtime(state, memory, classifier))


def with_options(run: Run, **options: Any) -> Run:
    """The run with other options of its job."""
    assert options.keys() <= Job.model_fields.keys()
    now = {name: getattr(run.job, name) for name in Job.model_fields}
    return replace(run, job=Job(**now | options))


def run_over(source: Path, out: Path, **options: Any) -> Run:
    """CutMix over an image folder."""
    pipeline = Pipeline("cutmix", (Step(CutMix()),))
    return make_run(list_source(source), pipeline, out / STATE, **options)
