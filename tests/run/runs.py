"""Runs for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from augcli.dataset.source import list_source
from augcli.recipes.cutmix import CutMix
from augcli.recipes.pipeline import Pipeline, Step
from augcli.run.layout import STATE
from augcli.run.plan import Run


def run_over(source: Path, out: Path, **options: Any) -> Run:
    """CutMix over an image folder."""
    return Run(list_source(source), Pipeline("cutmix", (Step(CutMix()),)), out / STATE, **options)
