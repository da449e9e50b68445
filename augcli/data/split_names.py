"""The names that folders of splits (train, val, test) have."""

from __future__ import annotations

import re

TRAINING = ("train", "training", "trainval")
# The first that a source has is what is most likely meant.
SPLITS = (*TRAINING, "val", "valid", "validation", "dev", "test", "testing", "eval", "holdout")


def rank(name: str) -> int:
    """The place of a split's name in SPLITS; their number for what is none."""
    word = _word(name)
    return SPLITS.index(word) if word in SPLITS else len(SPLITS)


def is_training(split: str) -> bool:
    """Whether a split of this name is the one to train on."""
    return _word(split) in TRAINING


def is_split_name(name: str) -> bool:
    """Whether a folder of this name is more likely one of a split than one of a class, also with a
    number behind it, as train2017."""
    return rank(name.rstrip("0123456789")) < len(SPLITS)


def _word(name: str) -> str:
    """The name of a split without what is written around it, as in training_set."""
    return re.sub(r"[ _-]?(set|data|split|images)$", "", name.strip().lower())
