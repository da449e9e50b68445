"""Makes again what is missing or broken in a finished output, and nothing else.

Everything follows from OUT/run.json and the source: the blocks that a fault lies in are made anew
aside; of those, only rows that were wrong and images that were wrong are taken over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from augcli.choices import STDIN, Originals
from augcli.dataset.source import list_source
from augcli.errors import RunFailed, UserError
from augcli.manifest.reader import BadLine, parse_row
from augcli.manifest.row import MANIFEST
from augcli.manifest.verify import Fault, file_faults
from augcli.run.outputs import ORIGINAL
from augcli.run.plan import Run, Shard
from augcli.run.replay import read_run
from augcli.run.resume import holding, versions
from augcli.run.seeds import output_id
from augcli.run.shard import run_shard
from augcli.run.storage import (
    CLASSES,
    ERRORS,
    RUN,
    STATE,
    TRAIN,
    part_rows,
    prepare_state,
    staged_train,
    write_durably,
)

_ASIDE = "repair"
_OUTPUT_NAME = re.compile(r"[0-9a-f]{16}\.[a-z0-9]+")


def repair(out: Path, faults: list[Fault]) -> int:
    """Mend the faults that `verify` found in OUT; returns how many images and rows were replaced.

    Raises UserError where the source or the installed versions are no longer those of the run.
    """
    run = _run_of(out)
    with holding(out):
        wrong = {PurePosixPath(fault.where).stem for fault in faults}
        kept = _intact_rows(out, wrong)
        skipped = _skipped(out)
        aside = prepare_state(out / STATE / _ASIDE)
        replaced = 0
        try:
            lines: list[str] = []
            for shard in run.plan.shards():
                expected = [i for i, source in _expected(run, shard) if source not in skipped]
                if all(name in kept for name in expected):
                    lines += [kept[name] for name in expected]
                    continue
                made = _made(run, aside, shard)
                for name, line in made.items():
                    if name not in kept:
                        replaced += _take_over(out, aside, line)
                lines += [kept.get(name, line) for name, line in made.items()]
            (out / TRAIN).mkdir(exist_ok=True)
            write_durably(out / TRAIN / MANIFEST, "".join(lines))
            write_durably(out / CLASSES, "".join(f"{name}\n" for name in run.listing.classes))
            _remove_strays(out / TRAIN, lines)
        finally:
            shutil.rmtree(out / STATE / _ASIDE)
    return replaced


def _run_of(out: Path) -> Run:
    file = out / RUN
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        source, before = told["source"], told["versions"]
        fingerprint, classifier = told["fingerprint"], told["classifier"]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}; nothing to go by.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} does not describe a run of augcli: {error!r}.") from error
    if source == STDIN:
        raise UserError("A run over a list of paths cannot be repaired; make it anew.")
    if classifier is not None:
        raise UserError("A run that asked a classifier cannot be repaired; make it anew.")
    different = [name for name, version in versions().items() if before.get(name) != version]
    if different:
        name = different[0]
        raise UserError(
            f"OUT {out} was made with {name} {before.get(name)}, and {versions()[name]} is"
            " installed; install the same to repair it."
        )
    listing = list_source(Path(source))
    if listing.fingerprint() != fingerprint:
        raise UserError(f"The files of SOURCE {source} are no longer those that OUT was made from.")
    return read_run(out, listing)


def _intact_rows(out: Path, wrong: set[str]) -> dict[str, str]:
    """The manifest lines, by output id, that no fault names and whose image is right."""
    kept: dict[str, str] = {}
    twice: set[str] = set()
    try:
        data = (out / TRAIN / MANIFEST).read_bytes()
    except FileNotFoundError:
        return {}
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        row = parse_row(line, number)
        if isinstance(row, BadLine) or row.sample_id in wrong:
            continue
        if PurePosixPath(row.file_name).stem != row.sample_id or row.sample_id in kept:
            twice.add(row.sample_id)
            continue
        kept[row.sample_id] = line.decode()
    return {name: line for name, line in kept.items() if name not in twice}


def _skipped(out: Path) -> set[str]:
    """The source ids of inputs that the run skipped."""
    try:
        text = (out / ERRORS).read_text(encoding="utf-8")
        return {json.loads(line)["source_id"] for line in text.splitlines()}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _expected(run: Run, shard: Shard) -> Iterator[tuple[str, str]]:
    """(output id, its target's id) of every output of a shard, in the order of the manifest."""
    for index in run.plan.block(shard.block):
        source = run.listing.sample(index).sample_id
        if run.originals is not Originals.none:
            yield output_id(run.seed, "original", source, 0, ORIGINAL), source
        for copy in range(run.plan.copies(index)):
            for view in run.pipeline.views:
                yield output_id(run.seed, run.digest, source, copy, view), source


def _made(run: Run, aside: Path, shard: Shard) -> dict[str, str]:
    """The rows of a shard, made anew aside, by output id."""
    report = run_shard(run.at(aside), shard)
    rows = part_rows(aside, shard.part).splitlines(keepends=True)
    if len(rows) != report.made:
        raise RunFailed(f"{aside} cannot be read back; check the disk.")
    return {json.loads(line)["sample_id"]: line for line in rows}


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


def _remove_strays(train: Path, lines: list[str]) -> None:
    """Remove images that have the name of an output but no row; other files are not ours."""
    named = {json.loads(line)["file_name"] for line in lines}
    for folder in (path for path in train.iterdir() if path.is_dir()):
        for file in list(folder.iterdir()):
            if _OUTPUT_NAME.fullmatch(file.name) and f"{folder.name}/{file.name}" not in named:
                file.unlink()
        if not any(folder.iterdir()):
            os.rmdir(folder)  # noqa: PTH106
