"""CPU time of the fine-grained map, ours and OpenCV's, image by image; the two must be equal.

    python -m tests.benchmarks.maps IMAGES SIDE COUNT

SIDE 0 keeps the images' own size; else they are squares of that side, handed over COUNT at a time,
as a shard does. Prints JSON: microseconds an image of both.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from augcli.saliency.fine_grained import saliency_maps
from tests.benchmarks.image_sets import image_files
from tests.benchmarks.peers.images import read

_BATCH = 16


def main() -> None:
    """Measure one side."""
    folder, side, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    cv2.setNumThreads(0)
    images = []
    for _, path in image_files(folder)[:count]:
        image = read(str(path))
        if side:
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        images.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    saliency_maps(images[:_BATCH])
    detector = cv2.saliency.StaticSaliencyFineGrained_create()  # type: ignore[attr-defined]
    ours = theirs = 0.0
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        bgr = [cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in batch]
        before = time.process_time()
        actual = saliency_maps(batch)
        between = time.process_time()
        expected = [detector.computeSaliency(image)[1] for image in bgr]
        ours += between - before
        theirs += time.process_time() - between
        for mine, map_ in zip(actual, expected, strict=True):
            if not np.array_equal(mine, (255 * map_).astype(np.uint8)):
                sys.exit(f"the maps differ at side {side or 'native'}")
    micro = 1e6 / len(images)
    json.dump({"ours": ours * micro, "opencv": theirs * micro}, sys.stdout)


if __name__ == "__main__":
    main()
