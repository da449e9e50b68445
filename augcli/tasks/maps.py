"""Writes the saliency map of every image of a data set, and an index of them.

Maps are found by the same supervised processes that make outputs, a chunk of images at a time, and
listed in the order of the source.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.data.labels import SoftLabel
from augcli.data.listing import Listing, Sample
from augcli.engine.differences import begun_with
from augcli.engine.executors.pool import Pool
from augcli.engine.images import Decoded, Images
from augcli.engine.job import versions
from augcli.engine.maps import served
from augcli.engine.plan import Run
from augcli.engine.run_work import RunWork
from augcli.engine.watch import Watch
from augcli.enums import Existing, Labels, MapFormat
from augcli.errors import RESUME, RunFailed, UnreadableImage
from augcli.image.codec import Encoding, encode
from augcli.recipes.recipe import SaliencySpec
from augcli.saliency.overlay import overlay
from augcli.saliency.regions import is_flat
from augcli.store.durable import write_file
from augcli.store.lock import holding
from augcli.store.map_names import OVERLAY, map_name, map_names
from augcli.store.map_store import (
    RESERVED,
    STATE,
    Row,
    begin,
    check_complete,
    commit,
    committed,
    counted,
    is_complete,
    keep_proven,
    publish,
    refuse_link_above,
    remove_staging,
    staged,
)
from augcli.store.records import Identity

_CHUNK = 16  # images at most
_CHUNKS_A_WORKER = 3  # at least


@dataclass(frozen=True)
class Maps:
    """What is found in the images of a run's source, and how and where it is written."""

    run: Run
    saliency_spec: SaliencySpec
    format: MapFormat = MapFormat.png
    overlay: bool = False

    @property
    def out(self) -> Path:
        """Where the maps go."""
        return self.run.runtime.place.out

    def identity(self) -> Identity:
        """All that the bytes of the maps depend on."""
        job = self.run.job.to_json()
        now = {
            "source": self.run.listing.fingerprint(),
            "method": str(self.saliency_spec),
            "map_format": self.format.value,
            "overlay": self.overlay,
            **{name: job[name] for name in ("background", "max_pixels", "classifier")},
            "versions": versions(self.run.job),
        }
        return Identity(now, {}, lambda before: begun_with(before, now))


@dataclass(frozen=True, slots=True)
class Written:
    """How many maps there are, how many of them are flat, how many inputs were skipped, whether an
    earlier run had begun, and whether that was complete already."""

    maps: int
    flat: int
    skipped: int
    resumed: bool
    was_complete: bool = False


def write_maps(
    maps: Maps,
    *,
    existing: Existing = Existing.refuse,
    on_start: Callable[[int], None] = lambda _: None,
    on_done: Callable[[int], None] = lambda _: None,
) -> Written:
    """Write every map below OUT, then the list of skipped inputs if there are any, then the index.

    `on_start` is called with how many images are left, `on_done` with how many more are done.
    Raises UserError where OUT holds other maps or is in use, and RunFailed where it cannot be
    written.
    """
    out, runtime = maps.out, maps.run.runtime
    try:
        with holding(out, STATE):
            resumed = begin(out, maps.identity(), maps.run.listing, existing)
            if is_complete(out):
                check_complete(out)
                remove_staging(out)
                return Written(*counted(out), resumed, was_complete=True)
            if resumed:
                keep_proven(out)
            left = list(_remaining(out, len(maps.run.listing)))
            count = sum(stop - start for start, stop in left)
            on_start(count)
            if left:
                workers = min(runtime.workers, count)
                size = min(_CHUNK, -(-count // (workers * _CHUNKS_A_WORKER)))
                chunks, names = _chunks(left, size), map_names(maps.run.listing, RESERVED)
                with served(maps.run) as reachable:
                    work = MapWork(reachable, maps, names)
                    pool = Pool(work, chunks, workers, seconds_an_image=runtime.seconds_an_image)
                    with closing(pool):
                        for images in pool.reports():
                            on_done(images)
            publish(out)
            return Written(*counted(out), resumed)
    except OSError as error:
        where, why = error.filename or out, error.strerror or error
        raise RunFailed(f"{where}: {why}; {RESUME}") from error


def _remaining(out: Path, count: int) -> Iterator[tuple[int, int]]:
    """The images that no committed chunk has, as (start, stop), in the order of the source."""
    at = 0
    for start, stop in (*committed(out), (count, count)):
        if at < start:
            yield at, start
        at = max(at, stop)


def _chunks(left: list[tuple[int, int]], size: int) -> Iterator[range]:
    """The images that are left, `size` at a time."""
    for start, stop in left:
        for first in range(start, stop, size):
            yield range(first, min(first + size, stop))


@dataclass(frozen=True)
class MapWork(RunWork):
    """Maps as work for an executor: an item are images that follow one another in the listing, and
    its report is how many they are. `names` as from `map_names`."""

    maps: Maps
    names: dict[int, str]

    def make(self, chunk: range, watch: Watch) -> int:
        """Write and commit the maps of some images; raises OSError where they cannot be written."""
        images = Images(self.run, chunk, watch)
        rows = []
        for index in chunk:
            watch.target(index)
            rows.append(_row(self, images, index))
        watch.target(None)
        commit(self.maps.out, chunk.start, chunk.stop, rows)
        return len(chunk)

    def targets(self, chunk: range) -> range:
        """The images of a chunk."""
        return chunk

    def piece(self, chunk: range, start: int, stop: int) -> range:
        """A part of a chunk."""
        return chunk[start:stop]

    def committed(self, chunk: range) -> int | None:
        """How many images a chunk has, if it is done."""
        return len(chunk) if (chunk.start, chunk.stop) in committed(self.maps.out) else None


def _row(work: MapWork, images: Images, index: int) -> Row:
    try:
        decoded = images.get(index)
        saliency_map = images.saliency(decoded, work.maps.saliency_spec)
    except UnreadableImage as error:
        return _skipped(work.run.listing.sample(index), str(error))
    except cv2.error:
        return _skipped(work.run.listing.sample(index), "no saliency can be found in it")
    except MemoryError:
        reason = "it takes more memory than a worker may use"
        return _skipped(work.run.listing.sample(index), reason)
    name = map_name(work.run.listing, work.names, index)
    return _write(work.maps, name, decoded, saliency_map)


def _skipped(sample: Sample, reason: str) -> Row:
    return {"source_path": sample.relative, "source_id": sample.sample_id, "reason": reason}


def _write(maps: Maps, name: str, decoded: Decoded, saliency_map: SaliencyMap) -> Row:
    """Write one map, and the picture of it where that is asked for; its row."""
    flat = is_flat(saliency_map)
    file_name = f"{name}.{maps.format.value}"
    data = _encoded(saliency_map, flat, maps.format)
    refuse_link_above(maps.out, file_name)
    write_file(str(staged(maps.out) / file_name), data)
    digests = {"sha256": hashlib.sha256(data).hexdigest()}
    if maps.overlay:
        picture = _picture(decoded.image, np.zeros_like(saliency_map) if flat else saliency_map)
        write_file(str(staged(maps.out) / f"{name}{OVERLAY}"), picture)
        digests["overlay_sha256"] = hashlib.sha256(picture).hexdigest()
    highest = float(saliency_map.max())
    height, width = saliency_map.shape
    return {
        "file_name": file_name,
        "source_path": decoded.sample.relative,
        "source_id": decoded.sample.sample_id,
        **_label_of(maps.run.listing, decoded.sample.label),
        "saliency_method": str(maps.saliency_spec),
        "highest": highest if np.isfinite(highest) else None,
        "flat": flat,
        "width": width,
        "height": height,
        **digests,
    }


def _label_of(listing: Listing, label: SoftLabel) -> Row:
    if listing.labels is Labels.none:
        return {}
    if listing.labels is Labels.multi:
        return {"label_ids": list(label.ids), "label_weights": list(label.weights)}
    return {"class_name": listing.classes[label.dominant]}


def _encoded(saliency_map: SaliencyMap, flat: bool, map_format: MapFormat) -> bytes:
    """A map as the bytes of a file. A flat one is black as a PNG."""
    if map_format is MapFormat.npy:
        file = io.BytesIO()
        np.save(file, saliency_map)
        return file.getvalue()
    finite = np.zeros(saliency_map.shape) if flat else saliency_map.astype(np.float64)
    levels = np.rint(finite * (65535.0 / max(finite.max(), 1e-300))).astype(np.uint16)
    return cv2.imencode(".png", levels)[1].tobytes()


def _picture(image: Pixels, saliency_map: SaliencyMap) -> memoryview:
    return encode(overlay(image, saliency_map), Encoding().format, Encoding())
