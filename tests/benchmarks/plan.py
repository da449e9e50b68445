"""What one run of the benchmark measures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.scale import GROWTH, SCALE
from tests.benchmarks.table import (
    MAPS,
    MEMORY,
    PEERS,
    RATIOS,
    ROWS,
    Ratio,
    Row,
    recipe,
)

ROOT = Path(__file__).resolve().parents[2]
HELP = "augcli --help"
FIXED, FIXED_FLOOR = "cutmix of 6 images of 32 px", "floor of 6 images of 32 px"
_TINY = 6
_HELPS_A_ROUND = 5
_MAPS = {"native": 64, "small": 256}
_MIB = 1 << 20


def environment() -> dict[str, str]:
    """The environment of measured commands: the repository's code, no settings from outside."""
    outside = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUGCLI_", "PYTHONDONTWRITEBYTECODE"))
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**outside, "PYTHONPATH": path}


@dataclass(frozen=True)
class Rows:
    """What one run measures."""

    rows: list[Row]
    peers: list[Row]
    ratios: list[Ratio]
    maps: list[int]
    models: list[Path]
    starts: list[str]
    memory: list[Row]
    scale: list[str]

    @property
    def all_rows(self) -> list[Row]:
        """All commands of rows and ratios."""
        compared = [row for ratio in self.ratios for row in (ratio.first, ratio.second)]
        return list(dict.fromkeys([*self.rows, *self.peers, *compared]))

    @property
    def names(self) -> list[str]:
        """Of all rows, as --only sees them."""
        return [
            *(row.name for row in (*self.rows, *self.peers)),
            *(ratio.name for ratio in self.ratios),
            *map(map_name, self.maps),
            *map(model_name, self.models),
            *self.starts,
            *map(memory_name, self.memory),
            *self.scale,
        ]


def plan(only: re.Pattern[str], models: Sequence[Path] = ()) -> Rows:
    """The rows that match, with one for each listed recipe that the table does not name."""
    listed = subprocess.run(
        [sys.executable, "-m", "augcli", "recipes", "--json"],
        env=environment(),
        capture_output=True,
        check=True,
    )
    named = {row.title for row in ROWS}
    actual = [*ROWS, *(recipe(name) for name in json.loads(listed.stdout) if name not in named)]
    return Rows(
        [row for row in actual if only.search(row.name)],
        [row for row in PEERS if only.search(row.name)],
        [ratio for ratio in RATIOS if only.search(ratio.name)],
        [side for side in MAPS if only.search(map_name(side))],
        [model for model in models if only.search(model_name(model))],
        [name for name in (HELP, FIXED) if only.search(name)],
        [row for row in MEMORY if only.search(memory_name(row))],
        [name for name in (SCALE, GROWTH) if only.search(name)],
    )


def images_in(path: Path) -> int:
    """How many images a file is, or an archive has."""
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            return sum(name.endswith(".jpg") for name in archive.getnames())
    return path.suffix.lower() in (".jpg", ".jpeg")


def map_name(side: int) -> str:
    return f"fine-grained map, {f'{side} px' if side else 'native'}"


def model_name(model: Path) -> str:
    return f"model {model.stem}"


def memory_name(row: Row) -> str:
    return f"memory of {row.name}"
