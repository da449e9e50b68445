"""The names of everything that a run has in OUT."""

from __future__ import annotations

import re
from pathlib import Path

STATE = ".augcli"
TRAIN = "train"
CLASSES = "classes.txt"
RUN = "run.json"
ERRORS = "errors.jsonl"
LISTS = (CLASSES, ERRORS)
OURS = (TRAIN, CLASSES, RUN, ERRORS, STATE)

# Of a folder of saliency maps.
MAPS_STATE = ".augcli-maps"
MAPS_INDEX = "maps.jsonl"

# Below STATE.
IDENTITY = "identity.json"
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


def staged_train(state: Path) -> Path:
    """The folder in which images wait for the end of the run."""
    return state / TRAIN
