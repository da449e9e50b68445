"""Writes the saliency map of every image of a data set, and an index of them.

Maps are found by the same supervised processes that make outputs, a chunk of images at a time, and
listed in the order of the source. Every file is whole or absent, and the index comes last.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
from augcli.run.layout import ERRORS
from augcli.run.local import Pool
from augcli.run.plan import Run, Shard
from augcli.run.saliency import served
from augcli.saliency.overlay import overlay
from augcli.saliency.regions import is_flat

INDEX = "maps.jsonl"

_CHUNK = 16  # images at most
_CHUNKS_A_WORKER = 3  # at least
_REMEDY = "mend that and run the same command with an empty OUT."

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
    maps: Maps,
    workers: int,
    on_done: Callable[[int], None] = lambda _: None,
    *,
    seconds_an_image: float = 60.0,
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
            for rows in _all_rows(replace(maps, run=reachable), workers, seconds_an_image):
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


def _all_rows(maps: Maps, workers: int, seconds_an_image: float) -> Iterator[list[Row]]:
    """The rows of the images in the order of the source, as they are done."""
    count = len(maps.run.listing)
    workers = min(workers, count)
    size = min(_CHUNK, -(-count // (workers * _CHUNKS_A_WORKER)))
    chunks = (Shard(0, i, min(i + size, count)) for i in range(0, count, size))
    pool = Pool(
        maps.run, chunks, workers, make=partial(write_chunk, maps), targets_of=_images_of,
        remedy=_REMEDY, seconds_an_image=seconds_an_image,
    )  # fmt: skip
    early: dict[int, ChunkReport] = {}
    at = 0
    try:
        for report in pool.reports():
            early[report.shard.start] = report
            while at in early:
                following = early.pop(at)
                at = following.shard.stop
                yield following.rows
    finally:
        pool.close()


def _images_of(_: Run, chunk: Shard) -> range:
    return range(chunk.start, chunk.stop)


class ChunkReport(NamedTuple):
    """The rows of a chunk of images, in their order: of the index, or of skipped inputs."""

    shard: Shard
    rows: list[Row]


def write_chunk(
    maps: Maps,
    run: Run,
    chunk: Shard,
    quarantined: Mapping[int, str] | None = None,
    before_decoding: Callable[[int], None] = lambda _: None,
    after_decoding: Callable[[], None] = lambda: None,
    at_target: Callable[[int | None], None] = lambda _: None,
) -> ChunkReport:
    """Write the maps of the images `start` to `stop` of the listing; with `maps` given it is called
    like `run_shard`. Raises OSError where they cannot be written.
    """
    indices = _images_of(run, chunk)
    images = Images(run, indices, quarantined, before_decoding, after_decoding)
    rows = []
    for index in indices:
        at_target(index)
        rows.append(_row(maps, images, index))
    at_target(None)
    return ChunkReport(chunk, rows)


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
    flat = is_flat(found)
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
