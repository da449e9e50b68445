"""CutMix at 224 x 224 as training loops do it: two loader processes decode, resize and crop, the
parent mixes batches and writes them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from tests.benchmarks.floor import image_paths
from tests.benchmarks.peers.images import arguments, cut_box, read, write

SIDE = 224
BATCH = 64


class Photographs(Dataset[torch.Tensor]):  # type: ignore[misc]
    """Images as uint8 BGR (3, SIDE, SIDE)."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        image = read(self.paths[index])
        height, width = image.shape[:2]
        scale = SIDE / min(height, width)
        shape = max(SIDE, round(width * scale)), max(SIDE, round(height * scale))
        resized = cv2.resize(image, shape)
        top, left = (shape[1] - SIDE) // 2, (shape[0] - SIDE) // 2
        cropped = resized[top : top + SIDE, left : left + SIDE]
        return torch.from_numpy(np.ascontiguousarray(cropped.transpose(2, 0, 1)))


def main() -> None:
    """One output an image."""
    images, out, workers = arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    dataset = Photographs([path for _, path in image_paths(images)])
    Path(out).mkdir()
    number = 0
    for batch in DataLoader(dataset, BATCH, shuffle=True, num_workers=workers):
        centre = np.random.randint(SIDE), np.random.randint(SIDE)
        top, bottom, left, right = cut_box((SIDE, SIDE), centre, np.random.beta(1, 1))
        mixed = batch.clone()
        mixed[..., top:bottom, left:right] = batch.roll(1, 0)[..., top:bottom, left:right]
        for image in mixed.permute(0, 2, 3, 1).numpy():
            write(np.ascontiguousarray(image), f"{out}/{number}.jpg")
            number += 1


if __name__ == "__main__":
    main()
