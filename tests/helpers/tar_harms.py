"""Finished runs of tar archives, and harm done to their members."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

from augcli.engine.plan import Run
from tests.conftest import tree
from tests.helpers.runs import generate


def make(run: Run, **options: Any) -> Path:
    root = Path(os.fsdecode(run.listing.root))
    source = root.parent if root.name == "train" else root
    generate(run, source={"source": str(source)}, **options)
    return run.runtime.place.out


def rows_of(out: Path, split: str = "train") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / split / "metadata.jsonl").open()]


def archive(out: Path, number: int = 0) -> Path:
    return out / f"train/train-{number:06d}.tar"


def members(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as tar:
        return [(one.name, tar.extractfile(one).read()) for one in tar]  # type: ignore[union-attr]


def write(path: Path, several: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in several:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def patch(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    at = data.index(old)
    path.write_bytes(data[:at] + new + data[at + len(old) :])


def published(out: Path) -> dict[str, str]:
    return {name: one for name, one in tree(out).items() if not name.startswith(".augcli/")}
