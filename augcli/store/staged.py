"""What is staged until all of it is made: images that committed rows name, and no others."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from augcli.errors import RunFailed, UserError
from augcli.files import is_link, sha256_of
from augcli.store import parts
from augcli.store.layout import MANIFEST, OUTPUT_NAME, SPLITS, TRAIN, staged_split, staged_train


def prepare_state(state: Path) -> Path:
    """Make the folders that a run keeps its state in; returns `state`."""
    parts.make_folder(state)
    staged_train(state).mkdir(exist_ok=True)
    return state


def check_images(state: Path) -> int:
    """Remove the parts whose staged images are not all there with the bytes of their rows, so that
    their shards are made again; how many."""
    removed = 0
    for part in list(parts.proven_parts(state)):
        folder = os.fspath(staged_split(state, part.split))
        try:
            whole = all(_is_whole(f"{folder}/{name}", sha256) for name, sha256 in part.images_of())
        except (OSError, ValueError, UserError):
            whole = False
        if not whole:
            part.path.unlink()
            removed += 1
    return removed


def _is_whole(image: str, sha256: str) -> bool:
    """Whether a file, not a link, has these bytes; raises OSError, UserError where it is none."""
    if is_link(image):
        return False
    return sha256_of(Path(image)) == sha256


def sweep(state: Path) -> int:
    """Remove staged images that no committed row names (a killed worker left them); how many.

    Raises RunFailed where something lies among them that no run wrote.
    """
    names = (
        name_digest(f"{part.split}/{name}")
        for part in parts.proven_parts(state)
        for name in part.file_names()
    )
    digests = np.sort(np.fromiter(names, np.uint64))
    return sum(_sweep(state, split, digests) for split in (TRAIN, *staged_splits(state)))


def staged_splits(state: Path) -> list[str]:
    """The names of the other splits of which images are staged, in order.

    Raises RunFailed where something lies among them that no run wrote.
    """
    splits = state / SPLITS
    if not os.path.lexists(splits):
        return []
    folders = [splits] if is_link(splits) or not splits.is_dir() else sorted(splits.iterdir())
    for folder in folders:
        if folder == splits or is_link(folder) or not folder.is_dir():
            raise strange(folder)
    return [folder.name for folder in folders]


def _sweep(state: Path, split: str, digests: npt.NDArray[np.uint64]) -> int:
    """Remove staged images of a split that no committed row names; how many."""
    removed = 0
    for folder in list(staged_split(state, split).iterdir()):
        if is_link(folder) or not folder.is_dir():
            if folder.name == MANIFEST and not is_link(folder):
                continue
            raise strange(folder)
        for image in folder.iterdir():
            if not OUTPUT_NAME.fullmatch(image.name):
                raise strange(image)
            digest = name_digest(f"{split}/{folder.name}/{image.name}")
            at = int(np.searchsorted(digests, digest))
            if at == len(digests) or digests[at] != digest:
                image.unlink()
                removed += 1
        if not any(folder.iterdir()):
            folder.rmdir()
    return removed


def name_digest(file_name: str) -> np.uint64:
    """Eight bytes that stand for a file name among many."""
    name = os.fsencode(file_name)
    return np.uint64(int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little"))


def strange(path: Path) -> RunFailed:
    """What to raise where something stands in the way that the run did not put there."""
    return RunFailed(
        f"{path} appeared while the run went on and is not its own; move it away and run the same"
        " command with --resume."
    )
