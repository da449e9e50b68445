"""The run that OUT/run.json describes, and the source that it was made from."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from augcli.classifier.installed import require_onnx
from augcli.data.labels import from_printable
from augcli.data.listing import Listing, with_classes
from augcli.data.missing_images import refuse_all_missing
from augcli.data.missing_source import why_missing
from augcli.data.source import exists, list_known_paths, list_paths, list_source
from augcli.data.source_options import SourceOptions
from augcli.declared import what_is_amiss, what_is_unlike
from augcli.engine.job import Job, Runtime, versions
from augcli.engine.maps import with_classifier
from augcli.engine.plan import Run
from augcli.engine.splits import ids_of
from augcli.enums import STDIN, LabelsFrom
from augcli.errors import BadValue, UserError
from augcli.image.opencv import require_contrib
from augcli.manifest.reader import read_classes
from augcli.manifest.record import BadRecord, read_summary
from augcli.manifest.row import Row
from augcli.store.folders import refuse_as_source
from augcli.store.layout import CLASSES, LISTED, RUN, STATE
from augcli.store.sources import kept_listing, read_listed, sources_changed

if TYPE_CHECKING:
    from augcli.classifier.spec import ClassifierSpec

_SOURCE_ID = re.compile("[0-9a-f]{16}")
# What values of another kind or shape than those of a run raise.
_UNLIKE = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError)


class RunRecord(NamedTuple):
    """A finished run as OUT/run.json describes it; its SOURCE may be in `moved` now."""

    out: Path
    summary: dict[str, Any]
    moved: Path | None = None


def record_of(out: Path, moved: Path | None = None) -> RunRecord:
    """The run that OUT/run.json describes; raises UserError where that cannot be read."""
    try:
        return RunRecord(out, read_summary(out), moved)
    except BadRecord as error:
        raise UserError(
            f"{out / error.name}: {error.what}; without it nothing can be made again."
        ) from error


def read_run(record: RunRecord, listing: Listing, runtime: Runtime) -> Run:
    """The run that OUT/run.json describes, over `listing`; raises UserError where it describes
    none."""
    out = record.out
    try:
        try:
            job = Job.from_json(record.summary)
        except UserError as error:  # of a recipe or an option that there is not
            raise _undescribed(out, error) from error
        return Run(listing, job, runtime)
    except ValidationError as error:
        raise UserError(
            f"{out / RUN} does not describe a run of augcli: {what_is_amiss(error, Job)}."
        ) from error
    except _UNLIKE as error:
        raise _undescribed(out, error) from error


def _undescribed(out: Path, error: Exception) -> UserError:
    return UserError(f"{out / RUN} does not describe a run of augcli: {what_is_unlike(error)}.")


def read_sources(record: RunRecord, rows: Callable[[], Iterable[Row]]) -> Listing:
    """The listing of the images that OUT was made from, read where the run read them, or where they
    are now.

    Of a list of paths that OUT has not kept, it is what `rows` were made from. Raises UserError
    where the source is gone, or is not the same where it is now.
    """
    out, summary, moved = record
    try:
        source, fingerprint = summary["source"], summary["fingerprint"]
        if not isinstance(source, str):
            raise BadValue("its source is no text")
        if source != STDIN:
            place = Path(source) if moved is None else moved
            if not exists(place):
                near = why_missing(place) if moved is not None else ""
                raise UserError(
                    f"SOURCE {place} does not exist{near}; say with --source where OUT's source is"
                    " now."
                )
            refuse_as_source(place)
            listing = _list_again(record, place, fingerprint)
        else:
            listing = _listed_sources(record, rows)
    except _UNLIKE as error:
        raise _undescribed(out, error) from error
    except OSError as error:
        raise UserError(
            f"The sources of OUT {out} cannot be read: {error.filename}: {error.strerror}."
        ) from error
    if moved is not None:
        refuse_all_missing(listing, str(moved), takes_images=False)
    if moved is not None and listing.fingerprint() != fingerprint:
        raise UserError(
            f"--source {moved} does not hold the files that OUT {out} was made"
            f" from{_changed(out, listing)}; give the place to which {source} has moved."
        )
    return listing


def _list_again(record: RunRecord, place: Path, fingerprint: object) -> Listing:
    """The images of a source, as the run listed them: where files have gone since or were added,
    and the source was not moved, by what OUT has kept of that, so that each file that is gone costs
    itself."""

    def kept() -> Listing | None:
        return None if record.moved else kept_listing(record.out / STATE, fingerprint)

    try:
        listing = list_source(place, _source_options(record.summary))
    except UserError:
        if (before := kept()) is None:
            raise
        return before
    listing = _in_order_of(record.out, listing, fingerprint)
    return listing if listing.fingerprint() == fingerprint else kept() or listing


def _source_options(summary: dict[str, Any]) -> SourceOptions:
    """What the run's command said about SOURCE; raises ValueError where that is damaged."""
    return SourceOptions.model_validate(summary.get("source_options", {}))


def _in_order_of(out: Path, listing: Listing, fingerprint: object) -> Listing:
    """The listing with the ids of OUT/classes.txt where it is not that of the run, as it is not for
    one of 0.1.0, which sorted classes by their names and not by their folders."""
    if listing.fingerprint() == fingerprint:
        return listing
    try:
        return with_classes(listing, read_classes(out / CLASSES))
    except (OSError, UserError, ValueError):
        return listing


def _changed(out: Path, listing: Listing) -> str:
    """What has changed in the source since OUT was begun, as far as OUT has a record of it."""
    words = sources_changed(out / STATE, listing)
    return f": {words}" if words else ""


def _listed_sources(record: RunRecord, rows: Callable[[], Iterable[Row]]) -> Listing:
    """Of a list of paths that was piped in."""
    out, summary, moved = record
    labels_from = LabelsFrom(summary["labels_from"])
    root = str(summary.get("root", ".")) if moved is None else str(moved.absolute())
    content = read_listed(out)
    if content is not None:
        try:
            return list_paths(io.BytesIO(content), labels_from, root, _source_options(summary))
        except UserError as error:
            raise UserError(
                f"{out / STATE / LISTED}, the list that OUT was made from, is damaged; make OUT"
                " anew."
            ) from error
    classes = read_classes(out / CLASSES)
    paths = map(from_printable, dict.fromkeys(p for r in rows() for p in r.source_paths))
    options = _source_options(summary)
    return list_known_paths(paths, labels_from, tuple(classes), root, options)


class Places(NamedTuple):
    """Where the images of a run stand in it, by their ids in order; 16 bytes an image."""

    ids: npt.NDArray[np.uint64]
    order: npt.NDArray[np.int64]

    def of(self, source: str) -> int | None:
        """The index of the image with this id, if there is one."""
        if not _SOURCE_ID.fullmatch(source):
            return None
        key = np.uint64(int(source, 16))
        at = int(np.searchsorted(self.ids, key))
        return int(self.order[at]) if at < len(self.ids) and self.ids[at] == key else None


def places_in(run: Run) -> Places:
    """The places of all images of a run."""
    ids = ids_of(run.listing, run.others)
    order = np.argsort(ids)
    return Places(ids[order], order)


def read_run_to_repeat(record: RunRecord, runtime: Runtime) -> Run:
    """The run that made OUT, with the source, the classifier and the installed versions that it
    had; raises UserError where they are others now."""
    out, summary, _ = record
    try:
        source, before = summary["source"], dict(summary["versions"])
        fingerprint, classifier = summary["fingerprint"], summary["classifier"]
    except _UNLIKE as error:
        raise _undescribed(out, error) from error
    if source == STDIN and read_listed(out) is None:
        raise UserError(
            f"OUT {out} was made from a list of paths, and {STATE} does not hold it any more; make"
            " it anew."
        )
    listing = read_sources(record, lambda: ())
    if listing.fingerprint() != fingerprint:
        raise UserError(
            f"The files of SOURCE {source} are no longer those that OUT was made"
            f" from{_changed(out, listing)}; restore them, or make OUT anew."
        )
    run = read_run(record, listing, runtime)
    require_contrib(spec.detector for spec in run.job.pipeline.saliency_specs)
    if classifier:
        require_onnx()
        run = with_classifier(run, _classifier(summary))
    for name, version in versions(run.job).items():
        if before.get(name) != version:
            raise UserError(
                f"OUT {out} was made with {name} {str(before.get(name))[:40]}, and {version} is"
                " installed; install the same to repair it."
            )
    return run


def _classifier(summary: dict[str, Any]) -> ClassifierSpec:
    """The classifier that a run used, as OUT/run.json names it."""
    from augcli.classifier.graphs import model_digest
    from augcli.classifier.preprocess import Preprocessing
    from augcli.classifier.sessions import resolve_device
    from augcli.classifier.spec import ClassifierSpec

    try:
        identity, model = summary["classifier"], summary["model"]
        file, outputs = str(model["file"]), int(model["outputs"])
        device: Any = model["device"]
        preprocessing: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in identity["preprocessing"].items()
        }
        class_map = (
            identity["class_map"] if identity["class_map"] is None else tuple(identity["class_map"])
        )
        spec = ClassifierSpec(
            file, identity["digest"], Preprocessing(**preprocessing), outputs, class_map,
            identity["head"], identity["layer"], resolve_device(device, [], lambda _: None),
        )  # fmt: skip
    except (*_UNLIKE, OverflowError) as error:
        raise UserError(
            f"{RUN} does not tell which classifier was asked: {what_is_unlike(error)}."
        ) from error
    if model_digest(Path(file)) != spec.digest:
        raise UserError(f"The model {file} is no longer the one that OUT was made with.")
    return spec
