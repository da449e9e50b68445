"""What the manifest says of an output: all columns of a row but the name of its file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from augcli.arrays.seeds import output_id
from augcli.data.labels import SoftLabel, dense
from augcli.data.listing import Sample
from augcli.engine.images import Decoded
from augcli.engine.outputs import ORIGINAL, Output, saliency_method
from augcli.engine.plan import Run
from augcli.enums import Labels
from augcli.image.formats import BEGINNING, format_of, image_suffixes
from augcli.manifest.file_names import ONLY_ID, file_name
from augcli.manifest.row import boxes_column, label_columns, seed_column, to_text

# Of images without one, by their formats.
_SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp",
    "AVIF": ".avif", "HEIF": ".heic", "JPEG2000": ".jp2", "JXL": ".jxl", "PPM": ".ppm",
    "ICO": ".ico", "SGI": ".sgi",
}  # fmt: skip


def row_of(run: Run, output: Output, data: memoryview) -> dict[str, Any]:
    """The row of an augmented image that was encoded as `data`."""
    pipeline, picture = run.job.pipeline, output.picture
    height, width = picture.content.shape[:2]
    samples = output.samples
    return _row(
        run,
        output.label,
        sample_id=output.output_id,
        group_id=output.group_id,
        view=output.view,
        source_ids=[sample.sample_id for sample in samples],
        source_paths=[sample.relative for sample in samples],
        lam=picture.shares[0],
        boxes=boxes_column(picture.boxes, run.job.schema_version),
        recipe=pipeline.name,
        params=to_text(pipeline.row_record(picture.record)),
        saliency_method=saliency_method(pipeline, picture),
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def original_row(run: Run, decoded: Decoded) -> dict[str, Any]:
    """The row of a source image that goes along as it is."""
    sample = decoded.sample
    name = original_id(run, sample)
    height, width = decoded.upright
    return _row(
        run,
        sample.label,
        sample_id=name,
        group_id=name,
        view=ORIGINAL,
        source_ids=[sample.sample_id],
        source_paths=[sample.relative],
        lam=1.0,
        boxes=boxes_column((), run.job.schema_version),
        recipe="",
        params="null",
        saliency_method="",
        width=width,
        height=height,
        sha256=hashlib.sha256(decoded.data).hexdigest(),
    )


def original_id(run: Run, sample: Sample) -> str:
    """The id of a source image as an output."""
    return output_id(run.job.seed, "original", sample.sample_id, 0, ORIGINAL)


def name_of(run: Run, output: Output, copy: int) -> str:
    """The name of an augmented image's file, without its ending."""
    view = output.view if len(run.job.pipeline.views) > 1 else ""
    values = {"recipe": run.job.pipeline.recipe_names, "copy": str(copy), "view": view}
    return _name(run, output.samples[0], output.label, output.output_id, values)


def original_name(run: Run, sample: Sample) -> str:
    """The name of the file, without its ending, of a source image that goes along as it is."""
    return _name(run, sample, sample.label, original_id(run, sample), {"view": ORIGINAL})


def _name(run: Run, target: Sample, label: SoftLabel, name: str, values: Mapping[str, str]) -> str:
    if run.job.name == ONLY_ID:
        return name
    stem = PurePosixPath(target.relative).stem
    is_single = run.job.labels is Labels.single
    class_name = run.listing.classes[label.dominant] if is_single else ""
    return file_name(run.job.name, {**values, "source": stem, "class": class_name, "id": name})


def original_suffix(sample: Sample) -> str:
    """The ending of a source image's name, or one that says nothing where it might be more."""
    ending = Path(sample.relative).suffix.lower()
    return ending if ending.isascii() and ending[1:].isalnum() else ".bin"


def image_suffix(sample: Sample, data: bytes) -> str:
    """The ending of a source image's name where it is that of an image, else one that fits its
    bytes: loaders of image folders read nothing else."""
    ending = original_suffix(sample)
    if ending.encode() in image_suffixes():
        return ending
    return _SUFFIXES.get(format_of(bytes(data[:BEGINNING])) or "", ending)


def _row(run: Run, label: SoftLabel, **values: Any) -> dict[str, Any]:
    classes, labels, version = run.listing.classes, run.job.labels, run.job.schema_version
    row: dict[str, Any] = {}
    if labels is Labels.single:
        row |= {"label": label.dominant, "class_name": classes[label.dominant]}
    if labels is not Labels.none:
        ids, weights = label_columns(*label, version)
        row |= {"label_ids": ids, "label_weights": weights}
        if len(classes) <= run.job.dense_labels:
            row["soft_label"] = dense(label, len(classes))
    return (
        row
        | values
        | {
            "seed": seed_column(run.job.seed, version),
            "schema_version": version,
        }
    )
