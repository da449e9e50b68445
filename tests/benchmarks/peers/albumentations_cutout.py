"""Cutout by albumentations, in a multiprocessing.Pool."""

from __future__ import annotations

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else it asks the network for a newer version

import albumentations

from tests.benchmarks.peers.images import Task, in_pool, read, write

TRANSFORM = albumentations.CoarseDropout(
    num_holes_range=(1, 1), hole_height_range=(0.25, 0.25), hole_width_range=(0.25, 0.25), p=1
)


def make(task: Task) -> None:
    """One output."""
    write(TRANSFORM(image=read(task.path))["image"], task.out)


if __name__ == "__main__":
    in_pool(make)
