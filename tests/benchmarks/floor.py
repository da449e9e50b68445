"""The yardstick: read, decode, encode and write every image of a folder, and nothing else.

    python floor.py IMAGES OUT WORKERS CHROMA [WIDTH HEIGHT [area]]

It is as fast as Python and OpenCV make it: each image is decoded once, no pixel is touched, and
children that are forked after the imports take chunks of names from a pipe. With WIDTH and HEIGHT,
images are cropped and resized in between as augcli does it: bilinear, or by area when they shrink
by more than a factor of two; with `area`, always by area, as OpenCV advises.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads spin while they are started

import cv2
import numpy as np

# What `augcli generate` writes unless told otherwise.
_QUALITY = 95
CHROMA = "4:4:4"

_SAMPLING = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}
_LARGEST_CHUNK = 64
_FEWEST_CHUNKS = 16
_TOKEN = 4


def jpeg(chroma: str) -> list[int]:
    """OpenCV's options for a JPEG with this sampling of its chroma."""
    return [
        *(cv2.IMWRITE_JPEG_QUALITY, _QUALITY),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING[chroma]),
    ]


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
    folder, out, workers, chroma, *shape = sys.argv[1:]
    size = (int(shape[0]), int(shape[1])) if shape else None
    by_area = "area" in shape
    options = jpeg(chroma)
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
            _work(
                todo, images, chunk, out, partial(copy, options=options, size=size, by_area=by_area)
            )
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
    make: Callable[[str, str], None],
) -> NoReturn:
    result = False
    try:
        while token := os.read(todo, _TOKEN):
            start = int.from_bytes(token, "little")
            for number, (name, path) in enumerate(images[start : start + chunk], start):
                make(path, f"{out}/{name}/{number}.jpg")
        result = True
    finally:
        os._exit(not result)


def copy(
    path: str, out: str, options: list[int], size: tuple[int, int] | None, by_area: bool
) -> None:
    """Read, decode, crop and resize where that is asked for, encode and write one image."""
    with open(path, "rb", buffering=0) as source:  # noqa: PTH123
        data = source.read()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(path)
    if size is not None:
        image = _cover(image, *size, by_area)
    encoded = cv2.imencode(".jpg", image, options)[1]
    file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.write(file, encoded.data)
    os.close(file)


def _cover(image: Any, width: int, height: int, by_area: bool) -> Any:
    """The image cropped centrally to the proportions of WIDTH x HEIGHT and resized."""
    rows, columns = image.shape[:2]
    scale = min(rows / height, columns / width)
    seen_rows, seen_columns = round(height * scale), round(width * scale)
    top, left = (rows - seen_rows) // 2, (columns - seen_columns) // 2
    method = cv2.INTER_AREA if by_area or scale > 2 else cv2.INTER_LINEAR
    seen = image[top : top + seen_rows, left : left + seen_columns]
    return cv2.resize(seen, (width, height), interpolation=method)


if __name__ == "__main__":
    main()
