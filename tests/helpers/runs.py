"""Runs for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from augcli.data.source import list_source
from augcli.engine.plan import Run
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.store.layout import STATE


def run_over(source: Path, out: Path, **options: Any) -> Run:
    """CutMix over an image folder."""
    return Run(list_source(source), Pipeline("cutmix", (Step(CutMix()),)), out / STATE, **options)
