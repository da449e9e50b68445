"""The names of everything that a run has in OUT."""

from __future__ import annotations

from pathlib import Path

STATE = ".augcli"
TRAIN = "train"
CLASSES = "classes.txt"
RUN = "run.json"
ERRORS = "errors.jsonl"
OURS = (TRAIN, CLASSES, RUN, ERRORS, STATE)

# Below STATE.
IDENTITY = "identity.json"
REMOVAL = "removal.json"
PARTS = "parts"
ASIDE = "repair"  # a folder like STATE, of what is made again

# Files of the lock, which outlive a run that is replaced.
KEPT = ("lock", "holder.json")


def staged_train(state: Path) -> Path:
    """The folder in which images wait for the end of the run."""
    return state / TRAIN
