"""CutMix as a plain script: decode two images, paste, encode, in a multiprocessing.Pool."""

from __future__ import annotations

import cv2
import numpy as np

from tests.benchmarks.peers.images import Task, in_pool, paste, read, write


def make(task: Task) -> None:
    """One output."""
    target, partner = read(task.path), read(task.partner)
    height, width = target.shape[:2]
    partner = np.asarray(cv2.resize(partner, (width, height)), np.uint8)
    centre = np.random.randint(height), np.random.randint(width)
    write(paste(target, partner, centre), task.out)


if __name__ == "__main__":
    in_pool(make)
