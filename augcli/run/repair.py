"""Makes again what is missing or broken in a finished output, and nothing else.

Everything follows from OUT/run.json and the source: the blocks that a fault lies in are made anew
aside; of those, only rows that were wrong and images that were wrong are taken over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from augcli.choices import STDIN, Originals
from augcli.errors import RunFailed, UserError, one_line
from augcli.manifest.reader import BadLine, parse_row, read_lines
from augcli.manifest.row import MANIFEST
from augcli.manifest.verify import Fault, file_faults
from augcli.run.layout import CLASSES, ERRORS, RUN, STATE, TRAIN, staged_train
from augcli.run.outputs import ORIGINAL
from augcli.run.parts import read_part
from augcli.run.plan import Run, Shard
from augcli.run.replay import read_run, read_sources
from augcli.run.resume import holding, versions
from augcli.run.saliency import served
from augcli.run.seeds import output_id
from augcli.run.shard import run_shard
from augcli.run.storage import flush, prepare_state, read_listed, write_durably

if TYPE_CHECKING:
    from augcli.saliency.spec import ClassifierSpec

_ASIDE = "repair"
_NOWHERE = 2**64 - 1
_OUTPUT_ID = re.compile(r"[0-9a-f]{16}")
_OUTPUT_NAME = re.compile(r"[0-9a-f]{16}\.[a-z0-9]+")


def repair(out: Path, faults: list[Fault]) -> int:
    """Mend the faults that `verify` found in OUT; returns how many images and rows were replaced.

    Raises UserError where the source, the classifier or the installed versions are no longer those
    of the run.
    """
    run = _run_of(out)
    with holding(out):
        wrong = {PurePosixPath(fault.where).stem for fault in faults}
        skipped = _skipped(out)
        aside = prepare_state(out / STATE / _ASIDE)
        try:
            with _Kept(out, wrong) as kept, served(run) as reachable:
                replaced, named = _mend(reachable, out, aside, kept, skipped)
            (out / TRAIN).mkdir(exist_ok=True)
            flush(aside)
            (aside / MANIFEST).replace(out / TRAIN / MANIFEST)
            write_durably(out / CLASSES, "".join(f"{name}\n" for name in run.listing.classes))
            _remove_strays(out / TRAIN, named)
        finally:
            shutil.rmtree(out / STATE / _ASIDE)
    return replaced


def _mend(run: Run, out: Path, aside: Path, kept: _Kept, skipped: set[str]) -> tuple[int, set[int]]:
    """Write the manifest anew aside, and put images that were made again in their places: how many,
    and the hashes of all file names in the manifest."""
    replaced, named = 0, set[int]()
    with (aside / MANIFEST).open("w", encoding="utf-8", newline="\n") as manifest:
        for shard in run.plan.shards():
            expected = list(_expected(run, shard))
            if all(name in kept or source in skipped for name, source in expected):
                # Some copies of an input that was skipped may have been made.
                lines = [kept.line(name) for name, _ in expected if name in kept]
            else:
                made = _made(run, aside, shard)
                new = [line for name, line in made.items() if name not in kept]
                replaced += sum(_take_over(out, aside, line) for line in new)
                lines = [kept.line(name) if name in kept else made[name] for name in made]
            manifest.writelines(lines)
            named.update(hash(json.loads(line)["file_name"]) for line in lines)
        manifest.flush()
        os.fsync(manifest.fileno())
    return replaced, named


def _run_of(out: Path) -> Run:
    file = out / RUN
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        source, before = told["source"], dict(told["versions"])
        fingerprint, classifier = told["fingerprint"], told["classifier"]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}; nothing to go by.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} does not describe a run of augcli: {one_line(error)}.") from error
    if source == STDIN and read_listed(out) is None:
        raise UserError(
            f"OUT {out} was made from a list of paths, and {STATE} does not hold it any more; make"
            " it anew."
        )
    listing = read_sources(out, lambda: ())
    if listing.fingerprint() != fingerprint:
        raise UserError(f"The files of SOURCE {source} are no longer those that OUT was made from.")
    run = replace(read_run(out, listing), classifier=classifier and _classifier(told))
    for name, version in versions(run).items():
        if before.get(name) != version:
            raise UserError(
                f"OUT {out} was made with {name} {before.get(name)}, and {version} is installed;"
                " install the same to repair it."
            )
    return run


def _classifier(told: dict[str, Any]) -> ClassifierSpec:
    """The classifier that a run asked, as OUT/run.json tells it."""
    from augcli.saliency.graphs import model_digest
    from augcli.saliency.preprocess import Preprocessing
    from augcli.saliency.sessions import resolve_device
    from augcli.saliency.spec import ClassifierSpec

    try:
        asked, model = told["classifier"], told["model"]
        file, outputs = str(model["file"]), int(model["outputs"])
        device: Any = model["device"]
        preprocessing: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in asked["preprocessing"].items()
        }
        class_map = asked["class_map"] if asked["class_map"] is None else tuple(asked["class_map"])
        spec = ClassifierSpec(
            file, asked["digest"], Preprocessing(**preprocessing), outputs, class_map,
            asked["head"], asked["layer"], resolve_device(device, [], lambda _: None),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{RUN} does not tell which classifier was asked: {one_line(error)}."
        ) from error
    if model_digest(Path(file)) != spec.digest:
        raise UserError(f"The model {file} is no longer the one that OUT was made with.")
    return spec


class _Kept:
    """The manifest lines that no fault names, by output id: where each stands, 20 bytes a line.

    A line whose id another has too is none of them.
    """

    def __init__(self, out: Path, wrong: set[str]) -> None:
        self._file: BinaryIO | None = None
        ids, places = array("Q"), array("Q")
        train = out / TRAIN
        if (train / MANIFEST).is_file():
            self._file = (train / MANIFEST).open("rb")
            for number, offset, line in read_lines(train):
                row = parse_row(line, number)
                if isinstance(row, BadLine) or row.sample_id in wrong:
                    continue
                if _OUTPUT_ID.fullmatch(row.sample_id):
                    is_own = PurePosixPath(row.file_name).stem == row.sample_id
                    ids.append(int(row.sample_id, 16))
                    places.append(offset if is_own else _NOWHERE)
        order = np.argsort(np.frombuffer(ids, np.uint64), kind="stable")
        self._ids = np.frombuffer(ids, np.uint64)[order]
        self._places = np.frombuffer(places, np.uint64)[order]

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, name: str) -> bool:
        return self._place(name) is not None

    def line(self, name: str) -> str:
        """The line of an output that is kept."""
        place = self._place(name)
        assert place is not None and self._file is not None
        self._file.seek(place)
        return self._file.readline().decode()

    def _place(self, name: str) -> int | None:
        wanted = np.uint64(int(name, 16))
        first, behind = (int(np.searchsorted(self._ids, wanted, s)) for s in ("left", "right"))
        place = int(self._places[first]) if behind - first == 1 else _NOWHERE
        return None if place == _NOWHERE else place


def _skipped(out: Path) -> set[str]:
    """The source ids of inputs that the run skipped."""
    try:
        with (out / ERRORS).open(encoding="utf-8") as file:
            return {json.loads(line)["source_id"] for line in file}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _expected(run: Run, shard: Shard) -> Iterator[tuple[str, str]]:
    """(output id, its target's id) of every output of a shard, in the order of the manifest."""
    for index in run.plan.block(shard.block)[shard.start : shard.stop]:
        source = run.listing.sample(index).sample_id
        if run.originals is not Originals.none and run.plan.with_originals(shard.block):
            yield output_id(run.seed, "original", source, 0, ORIGINAL), source
        for copy in run.plan.numbers(shard.block, index):
            for view in run.pipeline.views:
                yield output_id(run.seed, run.digest, source, copy, view), source


def _made(run: Run, aside: Path, shard: Shard) -> dict[str, str]:
    """The rows of a shard, made anew aside, by output id."""
    report = run_shard(run.at(aside), shard)
    part = read_part(aside, shard.part)
    if part is None or part.rows != report.made:
        raise RunFailed(f"{aside} cannot be read back; check the disk.")
    return {json.loads(line)["sample_id"]: line.decode() for line in part.row_lines()}


def _take_over(out: Path, aside: Path, line: str) -> int:
    """Put an image that was made anew in its place, unless the one that stands there is right."""
    row = parse_row(line.encode(), 0)
    if isinstance(row, BadLine):
        raise RunFailed(f"{row}: a row that was just made; check the disk.")
    if any(file_faults(out / TRAIN, row)):
        place = out / TRAIN / row.file_name
        place.parent.mkdir(parents=True, exist_ok=True)
        (staged_train(aside) / row.file_name).replace(place)
    return 1


def _remove_strays(train: Path, named: set[int]) -> None:
    """Remove images that have the name of an output but no row (`named` holds the hashes of the
    names in rows); other files are not ours."""
    for folder in (path for path in train.iterdir() if path.is_dir()):
        for file in list(folder.iterdir()):
            if (
                _OUTPUT_NAME.fullmatch(file.name)
                and hash(f"{folder.name}/{file.name}") not in named
            ):
                file.unlink()
        if not any(folder.iterdir()):
            os.rmdir(folder)  # noqa: PTH106
