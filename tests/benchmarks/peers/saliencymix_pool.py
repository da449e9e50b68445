"""SaliencyMix as a plain script: OpenCV's detector on the partner, in a multiprocessing.Pool."""

from __future__ import annotations

import cv2
import numpy as np

from tests.benchmarks.peers.images import Task, in_pool, paste, read, write


def make(task: Task) -> None:
    """One output."""
    target, partner = read(task.path), read(task.partner)
    height, width = target.shape[:2]
    partner = np.asarray(cv2.resize(partner, (width, height)), np.uint8)
    detector = cv2.saliency.StaticSaliencyFineGrained_create()  # type: ignore[attr-defined]
    _, saliency = detector.computeSaliency(partner)
    row, column = np.unravel_index(np.argmax((saliency * 255).astype(np.uint8)), saliency.shape)
    write(paste(target, partner, (int(row), int(column))), task.out)


if __name__ == "__main__":
    in_pool(make)
