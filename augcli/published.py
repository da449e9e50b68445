"""The names of what a run publishes in OUT, which readers of OUT look for."""

from __future__ import annotations

import re

STATE = ".augcli"  # what the run itself keeps
IDENTITY = "identity.json"  # in STATE, what the run is
TRAIN = "train"  # the images
MANIFEST = "metadata.jsonl"  # in TRAIN, the rows of the images
CLASSES = "classes.txt"
RUN = "run.json"
ERRORS = "errors.jsonl"
CARD = "README.md"  # for `datasets`; whoever edits it keeps it
OURS = (TRAIN, CLASSES, RUN, ERRORS, STATE)
# Of a folder of saliency maps.
MAPS_STATE = ".augcli-maps"
MAPS_INDEX = "maps.jsonl"

_LONGEST_NAME = 255
_ARCHIVE_NAME = re.compile(r"[^/\\\0]+-[0-9]{6,}\.tar")


def is_split_folder(name: str) -> bool:
    """Whether a name that a record has may be that of a split other than TRAIN in OUT."""
    is_plain = name.isprintable() and 0 < len(name) <= _LONGEST_NAME
    return is_plain and name[0] != "." and not set(name) & {"/", "\\"} and name.lower() not in OURS


def archive_name(split: str, number: int) -> str:
    """What an archive of samples is called, in the folder of its split."""
    return f"{split}-{number:06d}.tar"


def is_archive_name(name: str) -> bool:
    """Whether a name may be that of an archive of samples."""
    return _ARCHIVE_NAME.fullmatch(name) is not None and name[0] != "."
