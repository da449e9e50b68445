"""Rotation, flip and colour by Augmentor, with its own threads."""

from __future__ import annotations

from pathlib import Path

import Augmentor

from tests.benchmarks.peers.images import arguments


def main() -> None:
    """As many outputs as there are images."""
    images, out, _ = arguments()
    pipeline = Augmentor.Pipeline(images, str(Path(out).absolute()), save_format="JPEG")
    pipeline.rotate(probability=1, max_left_rotation=9, max_right_rotation=9)
    pipeline.flip_left_right(probability=0.5)
    pipeline.random_color(probability=1, min_factor=0.5, max_factor=1.5)
    pipeline.sample(len(pipeline.augmentor_images), multi_threaded=True)


if __name__ == "__main__":
    main()
