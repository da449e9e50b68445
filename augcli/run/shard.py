"""Makes one shard: decode, find saliency, draw, apply, encode, write, and commit.

`run_shard` may be called anywhere, any number of times, with the same result. Its images go to the
run's staging folder; the rename of its part of the manifest is its commit.
"""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augcli.choices import Originals
from augcli.dataset.labels import SoftLabel, class_folder, dense
from augcli.errors import UnreadableImage
from augcli.image.codec import encode, output_format, suffix
from augcli.manifest.row import SCHEMA_VERSION, to_line, to_text
from augcli.run.images import Decoded, Images
from augcli.run.outputs import ORIGINAL, Output, make_outputs
from augcli.run.plan import Run, Shard
from augcli.run.seeds import output_id
from augcli.run.storage import commit_part, staged_train, write_file


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What became of a shard."""

    shard: Shard
    made: int
    failed: int
    decodes: int
    bytes_written: int


def run_shard(
    run: Run,
    shard: Shard,
    quarantined: Mapping[int, str] | None = None,
    before_decoding: Callable[[int], None] = lambda _: None,
    after_decoding: Callable[[], None] = lambda: None,
    at_target: Callable[[int | None], None] = lambda _: None,
) -> ShardReport:
    """Make and commit the outputs of a shard.

    `quarantined` holds images (by index) that are not to be touched, with the reason. Before each
    decode its index goes to `before_decoding`, and `after_decoding` is called when it is over, so
    that a supervisor knows what killed a worker; `at_target` gets the target whose outputs are
    made, and None when all are. Raises OSError where outputs cannot be written.
    """
    block = run.plan.block(shard.block)
    images = Images(run, block, quarantined, before_decoding, after_decoding)
    writer = _Writer(run)
    for place in range(shard.start, shard.stop):
        at_target(block[place])
        copies = run.plan.copies(block[place])
        if copies == 0 and run.originals is Originals.none:
            continue
        try:
            if run.originals is not Originals.none:
                writer.keep_original(images.get(block[place]))
            for copy in range(copies):
                for output in make_outputs(run, images, block, place, copy):
                    writer.write(output)
        except UnreadableImage as error:
            writer.fail(block[place], str(error))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours costs one image, and is listed
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = type(error).__name__
            reason = f"augcli failed on it: {kind}: {error} ({where.name}, line {where.lineno})"
            writer.fail(block[place], " ".join(reason.split()))
    at_target(None)
    commit_part(run.state, shard.part, "".join(writer.rows), "".join(writer.errors))
    return ShardReport(
        shard, len(writer.rows), len(writer.errors), images.decodes, writer.bytes_written
    )


def encoded(run: Run, output: Output) -> tuple[memoryview, str]:
    """The file of an output and its suffix."""
    file_format = output_format(output.used[0].data, run.encoding.format)
    return encode(output.picture.image, file_format, run.encoding), suffix(file_format)


class _Writer:
    """Writes images into the staging folder and collects their manifest rows."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.rows: list[str] = []
        self.errors: list[str] = []
        self.bytes_written = 0
        self._train = os.fspath(staged_train(run.state))
        self._folders: set[str] = set()
        self._saliency = ",".join(dict.fromkeys(map(str, run.pipeline.detections)))

    def write(self, output: Output) -> None:
        """Encode and write one output."""
        data, ending = encoded(self._run, output)
        file_name = self._file_name(output.label, output.output_id + ending)
        self._store(file_name, data)
        picture = output.picture
        height, width = picture.image.shape[:2]
        samples = output.samples
        drawn = self._run.pipeline.row_record(picture.record)
        self._add_row(
            file_name,
            output.label,
            sample_id=output.output_id,
            group_id=output.group_id,
            view=output.view,
            source_ids=[sample.sample_id for sample in samples],
            source_paths=[sample.relative for sample in samples],
            lam=picture.shares[0],
            boxes=picture.boxes,
            recipe=self._run.pipeline.name,
            params=to_text(drawn),
            saliency_method=self._saliency if picture.record else "",
            width=width,
            height=height,
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def keep_original(self, decoded: Decoded) -> None:
        """Copy or link a source image, byte for byte."""
        sample = decoded.sample
        name = output_id(self._run.seed, "original", sample.sample_id, 0, ORIGINAL)
        ending = Path(sample.relative).suffix.lower()
        if not (ending.isascii() and ending[1:].isalnum()):
            ending = ".bin"
        file_name = self._file_name(sample.label, name + ending)
        if self._run.originals is Originals.link:
            path = self._path(file_name)
            Path(path).unlink(missing_ok=True)
            os.link(os.path.realpath(sample.path), path)
        else:
            self._store(file_name, decoded.data)
        height, width = decoded.upright
        self._add_row(
            file_name,
            sample.label,
            sample_id=name,
            group_id=name,
            view=ORIGINAL,
            source_ids=[sample.sample_id],
            source_paths=[sample.relative],
            lam=1.0,
            boxes=[],
            recipe="",
            params="null",
            saliency_method="",
            width=width,
            height=height,
            sha256=hashlib.sha256(decoded.data).hexdigest(),
        )

    def fail(self, index: int, reason: str) -> None:
        """List an input that cost itself."""
        sample = self._run.listing.sample(index)
        line = {"source_path": sample.relative, "source_id": sample.sample_id, "reason": reason}
        self.errors.append(to_line(line))

    def _add_row(self, file_name: str, label: SoftLabel, **values: Any) -> None:
        classes = self._run.listing.classes
        row = {
            "file_name": file_name,
            "label": label.dominant,
            "class_name": classes[label.dominant],
            "label_ids": label.ids,
            "label_weights": label.weights,
        }
        if len(classes) <= self._run.dense_labels:
            row["soft_label"] = dense(label, len(classes))
        row |= values
        row["seed"] = f"{self._run.seed:x}"
        row["schema_version"] = SCHEMA_VERSION
        self.rows.append(to_line(row))

    def _file_name(self, label: SoftLabel, name: str) -> str:
        return f"{class_folder(self._run.listing.classes[label.dominant])}/{name}"

    def _path(self, file_name: str) -> str:
        folder = f"{self._train}/{file_name.partition('/')[0]}"
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        return f"{self._train}/{file_name}"

    def _store(self, file_name: str, data: bytes | memoryview) -> None:
        write_file(self._path(file_name), data)
        self.bytes_written += len(data)
