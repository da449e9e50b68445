"""augcli saliency: writes the saliency maps of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.choices import STDIN, LabelsFrom
from augcli.cli.model_options import (
    ChannelOrder,
    ClassList,
    DeviceChoice,
    DeviceOption,
    Head,
    Layer,
    Mean,
    ModelFile,
    ModelSize,
    SaliencyCache,
    SaliencyName,
    SaliencySize,
    Scale,
    Std,
    TargetChoice,
    TargetOption,
    is_of_classifier,
    read_classifier,
)
from augcli.cli.options import (
    Background,
    Json,
    LabelsFromOption,
    MaxPixels,
    Out,
    Quiet,
    Source,
    flag,
    option,
    parse_colour,
    read_source,
)
from augcli.cli.output import Output
from augcli.cli.progress import Progress, progress_bar
from augcli.errors import RunFailed, UnreadableImage

if TYPE_CHECKING:
    from augcli.dataset.listing import Listing, Sample
    from augcli.saliency.classifier import ClassifierSpec

INDEX, ERRORS = "maps.jsonl", "errors.jsonl"

_CHUNKS_IN_HAND = 4


class MapFormat(StrEnum):
    """`png`: 16 bits, the map's greatest value as 65535; `npy`: the values themselves."""

    png = "png"
    npy = "npy"


@dataclass(frozen=True)
class _Wanted:
    """What is found in each image, and how it is written."""

    listing: Listing
    out: Path
    method: str
    size: int | None
    spec: ClassifierSpec | None
    format: MapFormat
    overlay: bool
    max_pixels: int
    background: tuple[int, int, int]


def saliency(
    source: Source,
    out: Out,
    saliency: SaliencyName = None,
    saliency_size: SaliencySize = None,
    format: Annotated[
        MapFormat, option("map-format", "16-bit PNG, scaled, or NPY, as it is")
    ] = MapFormat.png,
    overlay: Annotated[bool, flag("overlay", "draw each map over its image too")] = False,
    model: ModelFile = None,
    head: Head = None,
    layer: Layer = None,
    device: DeviceOption = DeviceChoice.auto,
    model_size: ModelSize = None,
    mean: Mean = None,
    std: Std = None,
    scale: Scale = None,
    channel_order: ChannelOrder = None,
    class_list: ClassList = None,
    target: TargetOption = TargetChoice.label,
    saliency_cache: SaliencyCache = None,
    labels_from: LabelsFromOption = LabelsFrom.parent,
    background: Background = "#ffffff",
    max_pixels: MaxPixels = 100_000_000,
    max_errors: Annotated[
        int, option("max-errors", "exit 1 if more inputs than this cannot be used", min=0)
    ] = 0,
    json: Json = False,
    quiet: Quiet = False,
    progress: Annotated[Progress, option("progress", "when to show progress")] = Progress.auto,
) -> None:
    """Write the saliency map of every image of SOURCE into OUT, and an index of them."""
    shown = Output(json, quiet)
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.run.local import available_cpus
    from augcli.run.resume import check_out
    from augcli.saliency.detectors import detect

    method = saliency or "fine-grained"
    if not is_of_classifier(method):
        detect(method, [])  # refuses an unknown name
    listing = read_source(source, labels_from)
    check_out(out, None if source == STDIN else Path(source), resume=False, overwrite=False)
    spec = read_classifier(
        [(method, saliency_size)], listing.classes, model=model, head=head, layer=layer,
        device=device, model_size=model_size, mean=mean, std=std, scale=scale,
        channel_order=channel_order, class_list=class_list, target=target,
        saliency_cache=saliency_cache, warn=shown.warn,
    )  # fmt: skip
    wanted = _Wanted(
        listing, out, method, saliency_size, spec, format, overlay, max_pixels,
        parse_colour(background),
    )  # fmt: skip
    with progress_bar(progress, quiet=quiet) as bar:
        bar.start(len(listing))
        written, flat, skipped = _write_all(wanted, available_cpus(), bar)
    values = {"out": str(out), "method": method, "maps": written, "flat": flat, "skipped": skipped}
    where = f"; {skipped} inputs skipped, see {out / ERRORS}" if skipped else ""
    told = f", {flat} of them flat" if flat else ""
    shown.result(values, f"{written} maps in {out}, listed in {out / INDEX}{told}{where}.")
    if skipped > max_errors:
        raise typer.Exit(1)


def _write_all(wanted: _Wanted, threads: int, bar: Any) -> tuple[int, int, int]:
    """Write every map and the index, in the order of the listing: (written, flat, skipped)."""
    import cv2

    from augcli.manifest.row import to_line

    cv2.setNumThreads(1)
    chunks = _chunks(wanted)
    written = flat = 0
    errors = []
    try:
        wanted.out.mkdir(parents=True, exist_ok=True)
        with (
            (wanted.out / INDEX).open("w", encoding="utf-8", newline="\n") as index,
            ThreadPoolExecutor(threads) as pool,
        ):
            while some := list(islice(chunks, _CHUNKS_IN_HAND * threads)):
                for rows in pool.map(lambda chunk: _write_chunk(wanted, chunk), some):
                    for row in rows:
                        if "reason" in row:
                            errors.append(to_line(row))
                            continue
                        index.write(to_line(row))
                        written += 1
                        flat += row["flat"]
                    bar.update(len(rows))
        if errors:
            (wanted.out / ERRORS).write_text("".join(errors), encoding="utf-8")
    except OSError as error:
        raise RunFailed(f"{error.filename or wanted.out}: {error.strerror or error}.") from error
    return written, flat, len(errors)


def _chunks(wanted: _Wanted) -> Iterator[range]:
    """The indices of images whose maps are found together."""
    if wanted.spec is None:
        together = 1
    else:
        from augcli.saliency.classifier import images_at_once

        together = images_at_once(wanted.spec)
    count = len(wanted.listing)
    return (range(i, min(i + together, count)) for i in range(0, count, together))


def _write_chunk(wanted: _Wanted, chunk: range) -> list[dict[str, Any]]:
    """Write the maps of some images; their rows for the index, or for the list of errors."""
    from augcli.image.codec import decode
    from augcli.run.images import read_sample

    rows: dict[int, dict[str, Any]] = {}
    samples, images = [], []
    for index in chunk:
        sample = wanted.listing.sample(index)
        try:
            image = decode(
                read_sample(sample), max_pixels=wanted.max_pixels, background=wanted.background
            )
        except UnreadableImage as error:
            rows[index] = {
                "source_path": sample.relative,
                "source_id": sample.sample_id,
                "reason": str(error),
            }
            continue
        samples.append(sample)
        images.append(image)
    for sample, image, found in zip(samples, images, _maps(wanted, samples, images), strict=True):
        rows[sample.index] = _write(wanted, sample, image, found)
    return [rows[index] for index in chunk]


def _maps(wanted: _Wanted, samples: list[Sample], images: list[Any]) -> list[Any]:
    if wanted.spec is None:
        from augcli.saliency.detectors import detect

        return list(detect(wanted.method, images, wanted.size))
    from augcli.saliency.classifier import classifier_maps

    labels = [(sample.label.ids, sample.label.weights) for sample in samples]
    return list(classifier_maps(wanted.spec, wanted.method, images, labels, wanted.size))


def _write(wanted: _Wanted, sample: Sample, image: Any, found: Any) -> dict[str, Any]:
    import cv2
    import numpy as np

    from augcli.image.codec import Encoding, encode
    from augcli.saliency.overlay import overlay
    from augcli.saliency.regions import saliency_peak

    flat = saliency_peak(found) is None
    name = _name(sample, wanted.listing.classes[sample.label.dominant])
    path = wanted.out / f"{name}.{wanted.format.value}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if wanted.format is MapFormat.npy:
        with path.open("wb") as file:
            np.save(file, found)
    else:
        finite = np.zeros(found.shape) if flat else found.astype(np.float64)
        levels = np.rint(finite * (65535.0 / max(finite.max(), 1e-300))).astype(np.uint16)
        path.write_bytes(cv2.imencode(".png", levels)[1].tobytes())
    if wanted.overlay:
        drawn = overlay(image, np.zeros_like(found) if flat else found)
        picture = encode(drawn, Encoding().format, Encoding())
        (wanted.out / f"{name}.overlay.jpg").write_bytes(picture)
    highest = float(found.max())
    height, width = image.shape[:2]
    return {
        "file_name": path.relative_to(wanted.out).as_posix(),
        "source_path": sample.relative,
        "source_id": sample.sample_id,
        "class_name": wanted.listing.classes[sample.label.dominant],
        "saliency_method": f"{wanted.method}@{wanted.size}" if wanted.size else wanted.method,
        "highest": highest if np.isfinite(highest) else None,
        "flat": flat,
        "width": width,
        "height": height,
    }


def _name(sample: Sample, class_name: str) -> str:
    """Where a map stands below OUT: as its image below SOURCE, or by class and id where the image
    lies elsewhere or its name is none for every system."""
    from augcli.dataset.labels import class_folder

    parts = sample.relative.split("/")
    if all(class_folder(part) == part for part in parts):
        return sample.relative
    return f"{class_folder(class_name)}/{sample.sample_id}"
