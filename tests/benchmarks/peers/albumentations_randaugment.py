"""Two of RandAugment's operations an image by albumentations, in a multiprocessing.Pool."""

from __future__ import annotations

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else it asks the network for a newer version

import albumentations

from tests.benchmarks.peers.images import Task, in_pool, read, write

TRANSFORM = albumentations.SomeOf(
    [
        albumentations.NoOp(),
        albumentations.AutoContrast(p=1),
        albumentations.Equalize(p=1),
        albumentations.Posterize(num_bits=4, p=1),
        albumentations.Solarize(p=1),
        albumentations.ColorJitter(p=1),
        albumentations.RandomBrightnessContrast(p=1),
        albumentations.Sharpen(p=1),
        albumentations.Rotate(limit=9, p=1),
        albumentations.Affine(shear={"x": (-9, 9)}, p=1),
        albumentations.Affine(shear={"y": (-9, 9)}, p=1),
        albumentations.Affine(translate_percent={"x": (-0.14, 0.14)}, p=1),
        albumentations.Affine(translate_percent={"y": (-0.14, 0.14)}, p=1),
    ],
    n=2,
    replace=True,
    p=1,
)


def make(task: Task) -> None:
    """One output."""
    write(TRANSFORM(image=read(task.path))["image"], task.out)


if __name__ == "__main__":
    in_pool(make)
