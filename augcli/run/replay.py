"""Makes outputs again from their manifest rows and compares their bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np

from augcli.choices import STDIN, Chroma, Fit, Format, LabelsFrom, Originals, Pair
from augcli.dataset.labels import from_printable
from augcli.dataset.listing import Listing, ListingBuilder, sample_id
from augcli.dataset.pathlist import class_name, read_path_list
from augcli.dataset.source import list_source
from augcli.errors import UnreadableImage, UserError, one_line
from augcli.image.codec import Encoding, Pixels
from augcli.manifest.reader import read_classes
from augcli.manifest.row import Row
from augcli.manifest.verify import Fault
from augcli.recipes.making import Maker
from augcli.recipes.pipeline import pipeline_of
from augcli.recipes.recipe import Detection
from augcli.run.images import Decoded, Images
from augcli.run.layout import CLASSES, RUN
from augcli.run.outputs import Output, output_label
from augcli.run.plan import Run
from augcli.run.shard import encoded
from augcli.run.storage import read_listed

_SOURCE_ID = re.compile("[0-9a-f]{16}")


def read_run(out: Path, listing: Listing) -> Run:
    """The run that OUT/run.json describes, over `listing`; raises UserError where it does not."""
    file = out / RUN
    try:
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Run(
            listing=listing,
            pipeline=pipeline_of(told["recipe"]),
            state=out,
            seed=told["seed"],
            copies=told["copies"],
            per_class=told["per_class"],
            pair=Pair(told["pair"]),
            size=told["size"] and (told["size"][0], told["size"][1]),
            fit=Fit(told["fit"]),
            encoding=Encoding(Format(told["format"]), told["quality"], Chroma(told["chroma"])),
            originals=Originals(told["include_originals"]),
            background=(told["background"][0], told["background"][1], told["background"][2]),
            dense_labels=told["dense_labels"],
            max_pixels=told["max_pixels"],
        )
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}; is {out} a run?") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UserError(f"{file} does not describe a run of augcli: {one_line(error)}.") from error


def read_sources(out: Path, rows: Callable[[], Iterable[Row]]) -> Listing:
    """The listing of the images that OUT was made from, read where the run read them.

    Of a list of paths that OUT has not kept, it is what `rows` were made from. Raises UserError
    where the source is gone.
    """
    file = out / RUN
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        source, root = told["source"], told.get("root", ".")
        if source != STDIN:
            return list_source(Path(source))
        labels_from = LabelsFrom(told["labels_from"])
        kept = read_listed(out)
        if kept is not None:
            return replace(read_path_list(io.BytesIO(kept), labels_from), root=os.fsencode(root))
        classes = read_classes(out / CLASSES)
        builder = ListingBuilder()
        for path in map(from_printable, dict.fromkeys(p for r in rows() for p in r.source_paths)):
            folder, _, name = path.rpartition(b"/")
            label = class_name(path, labels_from)
            builder.add(builder.folder(folder), name, classes.index(label))
        return builder.finish(root, classes)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}; is {out} a run?") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{file} does not describe a run of augcli: {one_line(error)}.") from error


def replay(out: Path, rows: Callable[[], Iterable[Row]]) -> Iterator[Fault]:
    """Make the outputs of `rows` again, from their parameters and sources; yields what differs.

    `rows` may be asked for twice, so that not all need be held.
    """
    listing = read_sources(out, rows)
    run = read_run(out, listing)
    index_of = _indices(listing)
    images = Images(run)
    for row in rows():
        if len(row.source_ids) != len(row.source_paths):
            continue  # that is a fault already
        indices = [index_of(source) for source in row.source_ids]
        missing = [p for i, p in zip(indices, row.source_paths, strict=True) if i is None]
        if missing:
            yield Fault(row.file_name, f"its source {missing[0]} is no longer in SOURCE")
            continue
        try:
            used = [images.get(index) for index in indices if index is not None]
            yield from _differences(run, images, row, used)
        except UnreadableImage as error:
            yield Fault(row.file_name, f"a source cannot be read any more: {error}")
        except (ValueError, LookupError, TypeError, StopIteration, cv2.error) as error:
            yield Fault(row.file_name, f"its params do not fit its recipe and sources: {error}")


def _indices(listing: Listing) -> Callable[[str], int | None]:
    """A function from a source's id to its index in the listing; 16 bytes a source."""
    count = len(listing)
    ids = np.fromiter(
        (int(sample_id(listing.relative_path(i)), 16) for i in range(count)), np.uint64, count
    )
    order = np.argsort(ids)
    ids = ids[order]

    def index_of(source: str) -> int | None:
        if not _SOURCE_ID.fullmatch(source):
            return None
        wanted = np.uint64(int(source, 16))
        at = int(np.searchsorted(ids, wanted))
        return int(order[at]) if at < count and ids[at] == wanted else None

    return index_of


def _differences(run: Run, images: Images, row: Row, used: list[Decoded]) -> Iterator[Fault]:
    labels = [decoded.sample.label for decoded in used]
    if row.recipe == "":
        if hashlib.sha256(used[0].data).hexdigest() != row.sha256:
            yield Fault(row.file_name, "its source is no longer the file that was copied")
        if row.label_ids != list(labels[0].ids) or row.label_weights != list(labels[0].weights):
            yield Fault(row.file_name, "its label is not its source's")
        return
    pictures = iter([images.picture(decoded, number) for number, decoded in enumerate(used)])
    record = run.pipeline.full_record(json.loads(row.params))
    picture = Maker(run.pipeline, run.fit, _look_at_nothing).remake(record, pictures)
    label = output_label(run, picture, labels, row.view)
    output = Output(picture, tuple(used), label, row.sample_id, row.group_id, row.view)
    data, _ = encoded(run, output)
    if hashlib.sha256(data).hexdigest() != row.sha256:
        yield Fault(row.file_name, "made again from its row it is another image")
    if row.label_ids != list(label.ids) or row.label_weights != list(label.weights):
        yield Fault(row.file_name, "made again from its row it has another label")
    if row.lam != picture.shares[0] or row.boxes != [list(box) for box in picture.boxes]:
        yield Fault(row.file_name, "made again from its row it has another lam or other boxes")


def _look_at_nothing(_: Pixels, __: Mapping[int, float], detection: Detection) -> NoReturn:
    raise ValueError(f"a row that was drawn needs no saliency, and {detection} was asked for")
