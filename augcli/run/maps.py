"""Writes the saliency map of every image of a data set, and an index of them.

Maps are found by processes, a chunk of images at a time, and listed in the order of the source. A
chunk whose process dies is done again image by image, so that only the one that kills it is lost.
Every file is whole or absent, and the index comes last.
"""

from __future__ import annotations

import io
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from augcli.choices import MapFormat
from augcli.dataset.labels import class_folder
from augcli.dataset.listing import Sample
from augcli.errors import RunFailed, UnreadableImage
from augcli.image.codec import Encoding, encode
from augcli.image.fit import Pixels
from augcli.manifest.row import to_line
from augcli.recipes.recipe import Detection, SaliencyMap
from augcli.run.images import Decoded, Images
from augcli.run.local import _context, _die_with_parent, _limit_memory, _silence_decoders
from augcli.run.plan import Run
from augcli.run.saliency import served
from augcli.run.storage import ERRORS
from augcli.saliency.overlay import overlay
from augcli.saliency.regions import saliency_peak

INDEX = "maps.jsonl"

_CHUNK = 16  # images at most
_CHUNKS_IN_HAND = 3  # a worker

Row = dict[str, Any]


@dataclass(frozen=True)
class Maps:
    """What is found in the images of a run's source, and how and where it is written. Picklable."""

    run: Run
    out: Path
    detection: Detection
    format: MapFormat = MapFormat.png
    overlay: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """How many maps were written, how many of them are flat, and how many inputs were skipped."""

    maps: int
    flat: int
    skipped: int


def write_maps(
    maps: Maps, workers: int, on_done: Callable[[int], None] = lambda _: None
) -> Written:
    """Write every map below OUT, then the index, and the list of skipped inputs if there are any.

    `on_done` is told how many images are done. Raises RunFailed where OUT cannot be written.
    """
    written = flat = 0
    skipped: list[str] = []
    try:
        maps.out.mkdir(parents=True, exist_ok=True)
        unfinished = maps.out / f"{INDEX}.tmp"
        with (
            unfinished.open("w", encoding="utf-8", newline="\n") as index,
            served(maps.run) as reachable,
        ):
            for rows in _all_rows(replace(maps, run=reachable), workers):
                for row in rows:
                    if "reason" in row:
                        skipped.append(to_line(row))
                        continue
                    index.write(to_line(row))
                    written += 1
                    flat += row["flat"]
                on_done(len(rows))
        if skipped:
            _write_whole(maps.out / ERRORS, "".join(skipped).encode())
        unfinished.replace(maps.out / INDEX)
    except OSError as error:
        raise RunFailed(f"{error.filename or maps.out}: {error.strerror or error}.") from error
    return Written(written, flat, len(skipped))


def _all_rows(maps: Maps, workers: int) -> Iterator[list[Row]]:
    """The rows of each chunk in order, with a bounded number of chunks under way."""
    count = len(maps.run.listing)
    workers = min(workers, count)
    size = min(_CHUNK, -(-count // (workers * _CHUNKS_IN_HAND)))
    chunks = (range(i, min(i + size, count)) for i in range(0, count, size))
    under_way: deque[tuple[range, Future[list[Row]]]] = deque()
    pool = _processes(maps, workers)
    try:
        while True:
            while len(under_way) < _CHUNKS_IN_HAND * workers:
                chunk = next(chunks, None)
                if chunk is None:
                    break
                under_way.append((chunk, pool.submit(_of_chunk, chunk)))
            if not under_way:
                return
            chunk, future = under_way[0]
            try:
                rows = future.result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _processes(maps, workers)
                rows = [_alone(maps, index) for index in chunk]
                under_way = deque((other, pool.submit(_of_chunk, other)) for other, _ in under_way)
            under_way.popleft()
            yield rows
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(maps: Maps, index: int) -> Row:
    """The row of one image, which a process of its own looks at."""
    with _processes(maps, 1) as pool:
        try:
            return pool.submit(_of_chunk, range(index, index + 1)).result()[0]
        except BrokenProcessPool:
            return _skipped(maps.run.listing.sample(index), "looking at it killed the worker")


def _processes(maps: Maps, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, _context(), _begin, (maps,))


_given: list[Maps] = []  # to a worker


def _begin(maps: Maps) -> None:
    """The beginning of a worker's life; signals are for the parent, which ends its workers."""
    _given.append(maps)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    _limit_memory(maps.run)
    _silence_decoders()
    cv2.setNumThreads(0)


def _of_chunk(chunk: range) -> list[Row]:
    return write_chunk(_given[0], chunk)


def write_chunk(maps: Maps, chunk: range) -> list[Row]:
    """Write the maps of these images; their rows for the index, or for the list of skipped inputs.

    Raises OSError where they cannot be written.
    """
    images = Images(maps.run, chunk)
    return [_row(maps, images, index) for index in chunk]


def _row(maps: Maps, images: Images, index: int) -> Row:
    try:
        decoded = images.get(index)
        found = images.saliency(decoded, maps.detection)
    except (UnreadableImage, cv2.error, MemoryError) as error:
        reason = str(error) or "it takes more memory than a worker may use"
        return _skipped(maps.run.listing.sample(index), " ".join(reason.split()))
    return _write(maps, decoded, found)


def _skipped(sample: Sample, reason: str) -> Row:
    return {"source_path": sample.relative, "source_id": sample.sample_id, "reason": reason}


def _write(maps: Maps, decoded: Decoded, found: SaliencyMap) -> Row:
    """Write one map, and the picture of it where that is asked for; its row."""
    flat = saliency_peak(found) is None
    name = _name(decoded.sample, decoded.class_name)
    file_name = f"{name}.{maps.format.value}"
    (maps.out / name).parent.mkdir(parents=True, exist_ok=True)
    _write_whole(maps.out / file_name, _encoded(found, flat, maps.format))
    if maps.overlay:
        picture = _picture(decoded.image, np.zeros_like(found) if flat else found)
        _write_whole(maps.out / f"{name}.overlay.jpg", picture)
    highest = float(found.max())
    height, width = found.shape
    return {
        "file_name": file_name,
        "source_path": decoded.sample.relative,
        "source_id": decoded.sample.sample_id,
        "class_name": decoded.class_name,
        "saliency_method": str(maps.detection),
        "highest": highest if np.isfinite(highest) else None,
        "flat": flat,
        "width": width,
        "height": height,
    }


def _encoded(found: SaliencyMap, flat: bool, map_format: MapFormat) -> bytes:
    """A map as the bytes of a file. A flat one is black as a PNG."""
    if map_format is MapFormat.npy:
        file = io.BytesIO()
        np.save(file, found)
        return file.getvalue()
    finite = np.zeros(found.shape) if flat else found.astype(np.float64)
    levels = np.rint(finite * (65535.0 / max(finite.max(), 1e-300))).astype(np.uint16)
    return cv2.imencode(".png", levels)[1].tobytes()


def _picture(image: Pixels, found: SaliencyMap) -> memoryview:
    return encode(overlay(image, found), Encoding().format, Encoding())


def _name(sample: Sample, class_name: str) -> str:
    """Where a map stands below OUT: as its image below SOURCE, or by class and id where the image
    lies elsewhere or its name is none for every system."""
    parts = sample.relative.split("/")
    if all(class_folder(part) == part for part in parts):
        return sample.relative
    return f"{class_folder(class_name)}/{sample.sample_id}"


def _write_whole(path: Path, data: bytes | memoryview) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
