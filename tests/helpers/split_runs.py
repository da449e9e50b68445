"""Runs over sources with splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from augcli.enums import OtherSplits
from tests.helpers.runs import generate, run_over


def make(source: Path, out: Path, **options: Any) -> Path:
    how = {k: options.pop(k) for k in ("workers", "resume", "overwrite") if k in options}
    options = {"copies": 2, "other_splits": OtherSplits.link} | options
    generate(run_over(source, out, **options), source={"source": str(source)}, **how)
    return out


def rows(split: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (split / "metadata.jsonl").read_text().splitlines()]


def image_folder(folder: Path) -> dict[str, int]:
    """The ids of classes as torchvision's ImageFolder gives them."""
    return {
        name: i for i, name in enumerate(sorted(p.name for p in folder.iterdir() if p.is_dir()))
    }
