"""The names of everything that a run has in OUT, and where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from augcli.published import CLASSES as CLASSES
from augcli.published import ERRORS as ERRORS
from augcli.published import IDENTITY as IDENTITY
from augcli.published import MANIFEST as MANIFEST
from augcli.published import MAPS_INDEX as MAPS_INDEX
from augcli.published import MAPS_STATE as MAPS_STATE
from augcli.published import RUN as RUN
from augcli.published import STATE as STATE
from augcli.published import TRAIN as TRAIN

# What records that name no sink are of.
DEFAULT_SINK = "folder"

LISTS = (CLASSES, ERRORS)
OURS = (TRAIN, CLASSES, RUN, ERRORS, STATE)

# Below STATE.
REMOVAL = "removal.json"  # what a run that is being replaced was
REMOVED = "removal.jsonl"  # and its manifest
LISTED = "listed"
SOURCES = "sources"
PARTS = "parts"
ASIDE = "repair"  # a folder like STATE, of what is made again
REPLACED = "replaced"  # records that a repair found and that were not the run's
REMADE = "made"  # in it, the rows of that, in the order in which they are made

# What the images that a run writes are called in the folder of their class.
OUTPUT_NAME = re.compile(r"[0-9a-f]{16}\.[a-z0-9]+")

# Files of the lock, which outlive a run that is replaced.
KEPT = ("lock", "holder.json")


@dataclass(frozen=True)
class Place:
    """Where a run goes: OUT, and the folder below it in which the run keeps its state."""

    out: Path
    folder: str = STATE

    @property
    def state(self) -> Path:
        """The folder of the state."""
        return self.out / self.folder


def aside_of(out: Path) -> Place:
    """Where a repair of OUT makes its outputs, before it puts them in their places."""
    return Place(out, f"{STATE}/{ASIDE}")


def staged_train(state: Path) -> Path:
    """The folder in which images wait for the end of the run."""
    return state / TRAIN
