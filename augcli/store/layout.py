"""The names of everything that a run has in OUT, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from augcli.data.labels import class_folder
from augcli.manifest.file_names import OUTPUT_NAME as OUTPUT_NAME
from augcli.published import CARD as CARD
from augcli.published import CLASSES as CLASSES
from augcli.published import ERRORS as ERRORS
from augcli.published import IDENTITY as IDENTITY
from augcli.published import MANIFEST as MANIFEST
from augcli.published import MAPS_INDEX as MAPS_INDEX
from augcli.published import MAPS_STATE as MAPS_STATE
from augcli.published import OURS as OURS
from augcli.published import RUN as RUN
from augcli.published import STATE as STATE
from augcli.published import TRAIN as TRAIN

# What records that name no sink are of.
DEFAULT_SINK = "folder"

LISTS = (CLASSES, ERRORS)

# Below STATE.
REMOVAL = "removal.json"  # what a run that is being replaced was
REMOVED = "removal.jsonl"  # and its manifest
LISTED = "listed"
TIMINGS = "timings.json"  # of the process that ended the run: all that differs for the same job
SOURCES = "sources"
PARTS = "parts"
SPLITS = "splits"  # the images of other splits than TRAIN, a folder for each
ASIDE = "repair"  # a folder like STATE, of what is made again
REPLACED = "replaced"  # records that a repair found and that were not the run's
REMADE = "made"  # in it, the rows of that, in the order in which they are made

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


def staged_split(state: Path, split: str) -> Path:
    """The folder in which the images of a split, by its name in OUT, wait for the end of the
    run."""
    return state / TRAIN if split == TRAIN else state / SPLITS / split


def split_folders(names: Sequence[str]) -> list[str]:
    """The names in OUT of splits other than TRAIN: safe as those of folders, and distinct from one
    another and from all other names in OUT, also where case does not count."""
    taken, folders = {name.lower() for name in OURS}, list[str]()
    for name in names:
        folder = class_folder(name)
        number = 2
        while folder.lower() in taken:
            folder = class_folder(f"{name}-{number}")
            number += 1
        taken.add(folder.lower())
        folders.append(folder)
    return folders
