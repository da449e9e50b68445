"""The names of what a run publishes in OUT, which readers of OUT look for."""

from __future__ import annotations

STATE = ".augcli"  # what the run itself keeps
IDENTITY = "identity.json"  # in STATE, what the run is
TRAIN = "train"  # the images
MANIFEST = "metadata.jsonl"  # in TRAIN, the rows of the images
CLASSES = "classes.txt"
RUN = "run.json"
ERRORS = "errors.jsonl"
# Of a folder of saliency maps.
MAPS_STATE = ".augcli-maps"
MAPS_INDEX = "maps.jsonl"
