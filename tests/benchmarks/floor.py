"""The yardstick: read, decode, encode and write every image of a folder, and nothing else.

    python floor.py IMAGES OUT WORKERS [WIDTH HEIGHT]

It is as fast as Python and OpenCV make it: each image is decoded once, no pixel is touched, and
children that are forked after the imports take chunks of names from a pipe. With WIDTH and HEIGHT,
images are cropped and resized in between as augcli does it: bilinear, or by area when they shrink
by more than a factor of two.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads spin while they are started

import cv2
import numpy as np

# What `augcli generate` writes unless told otherwise.
JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]
_LARGEST_CHUNK = 64
_FEWEST_CHUNKS = 16
_TOKEN = 4


def image_paths(folder: str) -> list[tuple[str, str]]:
    """(class, path) of every image in FOLDER/<class>/, sorted."""
    return sorted(
        (top.name, image.path) for top in os.scandir(folder) for image in os.scandir(top.path)
    )


def make_class_folders(images: list[tuple[str, str]], out: str) -> None:
    """A folder in OUT for each class."""
    for name in dict.fromkeys(name for name, _ in images):
        os.makedirs(f"{out}/{name}")  # noqa: PTH103


def main() -> None:
    """Copy the images of a folder through decoder and encoder."""
    folder, out, workers, *shape = sys.argv[1:]
    size = (int(shape[0]), int(shape[1])) if shape else None
    cv2.setNumThreads(0)
    images = image_paths(folder)
    make_class_folders(images, out)
    chunk = min(max(len(images) // _FEWEST_CHUNKS, 1), _LARGEST_CHUNK)
    starts = range(0, len(images), chunk)
    todo, tokens = os.pipe()
    children = []
    for _ in range(int(workers)):
        child = os.fork()
        if child == 0:
            os.close(tokens)
            _work(todo, images, chunk, out, size)
        children.append(child)
    os.close(todo)
    for start in starts:
        os.write(tokens, start.to_bytes(_TOKEN, "little"))
    os.close(tokens)
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit("the floor failed")


def _work(
    todo: int,
    images: list[tuple[str, str]],
    chunk: int,
    out: str,
    size: tuple[int, int] | None,
) -> NoReturn:
    done = False
    try:
        while token := os.read(todo, _TOKEN):
            start = int.from_bytes(token, "little")
            for number, (name, path) in enumerate(images[start : start + chunk], start):
                _copy(path, f"{out}/{name}/{number}.jpg", size)
        done = True
    finally:
        os._exit(not done)


def _copy(path: str, out: str, size: tuple[int, int] | None) -> None:
    with open(path, "rb", buffering=0) as source:  # noqa: PTH123
        data = source.read()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(path)
    if size is not None:
        image = _cover(image, *size)
    encoded = cv2.imencode(".jpg", image, JPEG)[1]
    file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.write(file, encoded.data)
    os.close(file)


def _cover(image: Any, width: int, height: int) -> Any:
    """The image cropped centrally to the proportions of WIDTH x HEIGHT and resized."""
    rows, columns = image.shape[:2]
    scale = min(rows / height, columns / width)
    seen_rows, seen_columns = round(height * scale), round(width * scale)
    top, left = (rows - seen_rows) // 2, (columns - seen_columns) // 2
    method = cv2.INTER_AREA if scale > 2 else cv2.INTER_LINEAR
    seen = image[top : top + seen_rows, left : left + seen_columns]
    return cv2.resize(seen, (width, height), interpolation=method)


if __name__ == "__main__":
    main()
