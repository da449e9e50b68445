"""Makes again what is missing or broken in a finished output, and nothing else.

Everything follows from OUT/run.json, OUT/errors.jsonl and the source: the outputs that a fault is
about are made anew aside, by workers as in a run, without the images that the run set aside. Of
them, images that were wrong are put in their places first; the manifest follows when all are there,
so that a repair that is killed leaves what was right as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from augcli.arrays.seeds import output_id
from augcli.engine.described import read_run_to_repeat, record_of
from augcli.engine.executors.pool import Pool
from augcli.engine.job import Runtime
from augcli.engine.maps import served
from augcli.engine.plan import Run, Shard
from augcli.engine.rows import original_id
from augcli.engine.shard import ShardReport, ShardWork
from augcli.enums import Originals
from augcli.errors import RunFailed, UserError
from augcli.manifest.columns import Hashes
from augcli.manifest.faults import MOST_FAULTS, Fault
from augcli.manifest.forms.form import Files
from augcli.manifest.forms.table import FORMS
from augcli.manifest.present import Present
from augcli.manifest.reader import parse_row
from augcli.manifest.record import Skipped
from augcli.manifest.row import Row
from augcli.published import MANIFEST
from augcli.store.durable import flush
from augcli.store.journal import stamp
from augcli.store.layout import REMADE, TRAIN, aside_of, staged_split
from augcli.store.leftovers import remove_leftovers
from augcli.store.lock import holding
from augcli.store.records import manifest_is
from augcli.store.removal import empty_aside, remove_aside
from augcli.store.restoring.restoring import Line, Restoring
from augcli.store.restoring.table import RESTORING
from augcli.store.staged import prepare_state
from augcli.tasks.repair_records import is_same, keep_record, read_set_aside, write_records

_REMEDY = "fix that and run `augcli verify --repair` again."
_NONE = np.zeros(0, np.uint64)


class Repaired(NamedTuple):
    """How many images and rows were made again; the first outputs that could not be, in plan order,
    and how many they are."""

    replaced: int
    faults: list[Fault]
    total: int


class _Repair(NamedTuple):
    """What a repair goes by: the run, whose outputs go aside, what the manifests in OUT have (by
    the names of the splits there), what was not made (by the index of the image), and the splits
    whose manifests are those that the run published."""

    run: Run
    manifests: dict[str, Present]
    skipped: dict[int, Skipped]
    published: frozenset[str]

    def folder(self, block: int) -> Path:
        """Where the images of a block are in OUT."""
        return self.run.runtime.place.out / self.run.plan.split(block)

    @property
    def restoring(self) -> Restoring:
        """What brings outputs to their places."""
        return RESTORING[self.run.job.sink]

    def files(self, block: int) -> Files:
        """The images of a block's split as they are in OUT."""
        form = FORMS[self.run.job.sink]
        return form.look_into(self.folder(block), _most_pixels(self.run))

    def present(self, block: int) -> Present:
        """What the manifest of a block's images has."""
        return self.manifests[self.run.plan.split(block)]

    @property
    def aside(self) -> Path:
        """Where outputs are made again."""
        return self.run.runtime.state

    def expected(self, block: int, index: int) -> list[str]:
        """The ids of the outputs that the run made of an image with a block, in the order of the
        manifest."""
        names = _planned(self.run, index, block)
        if index not in self.skipped:
            return names
        made = self.made_of(index)
        return [name for name in names if name in made]

    def planned(self, index: int) -> list[list[str]]:
        """The ids of all outputs of an image, of one block after another."""
        plan = self.run.plan
        behind = plan.orders * plan.blocks
        is_other = self.run.split_of(index) is not None  # of these all blocks are alike
        blocks = range(behind, behind + 1) if is_other else range(0, behind, plan.blocks)
        return [_planned(self.run, index, block) for block in blocks]

    def made_of(self, index: int) -> list[str]:
        """The ids of all outputs that the run made of an image."""
        several, skipped = self.planned(index), self.skipped.get(index)
        names = [name for each in several for name in each]
        if skipped is None:
            return names
        present = self.manifests[self.run.split_name(index)]
        there = [name for name in names if name in present]
        wanted = len(there) if skipped.outputs is None else len(names) - skipped.outputs
        if wanted <= 0 or len(names) == len(several[0]):  # what is not there are the last ones
            return names[: max(wanted, 0)]
        # Of several blocks each may lack its last ones: where rows are lost, too, `verify` counts
        # too few of them, and which is not known.
        return there

    def set_aside(self) -> dict[int, str]:
        """The images of which the run made nothing, with its reasons: they are not touched."""
        return {i: line.reason for i, line in self.skipped.items() if not self.made_of(i)}


def repair(
    runtime: Runtime,
    wrong: Hashes,
    *,
    moved: Path | None = None,
    before: list[bytes] | None = None,
) -> Repaired:
    """Make the outputs in the OUT of `runtime` again that are missing or among `wrong`, the ids
    that `verify` found when the run in OUT had the stamp `before`; the source is in `moved` now.
    Nothing is removed.

    An output that cannot be made again as it was stays as it is, and is among the faults. Raises
    UserError, and changes nothing, where the source, the classifier or the installed versions are
    no longer those of the run, where what it set aside is not known, and where a link stands for a
    folder or a record of OUT.
    """
    out = runtime.place.out
    with holding(out):  # which refuses links; one that stands for an image is replaced itself
        if before is not None and stamp(out) != before:
            raise UserError(f"OUT {out} was changed by another run; give the same command again.")
        record = record_of(out, moved)
        run = read_run_to_repeat(record, replace(runtime, place=aside_of(out)))
        for split in _splits(run):
            if (out / split).exists() and not (out / split).is_dir():
                raise UserError(f"{out / split} is not a folder; move it away.")
        published = [split for split in _splits(run) if manifest_is(out, record.summary, split)]
        repaired = _repair(run, wrong, read_set_aside(record, run), frozenset(published))
        remove_leftovers(out)
        return repaired


def _repair(
    run: Run, wrong: Hashes, skipped: dict[int, Skipped], published: frozenset[str]
) -> Repaired:
    out, aside = run.runtime.place.out, run.runtime.state
    form = FORMS[run.job.sink]
    empty_aside(aside, form)
    prepare_state(aside)
    (aside / REMADE).mkdir()
    for split in _splits(run):
        (out / split).mkdir(exist_ok=True)
    try:
        with ExitStack() as stack:
            manifests = {
                split: stack.enter_context(Present(out / split, wrong)) for split in _splits(run)
            }
            repair = _Repair(run, manifests, skipped, published)
            repaired = _make_images(repair)
            for split in manifests:
                _join(repair, split)
        for split in manifests:
            repair.restoring.take_over(run.runtime.place, split)
        flush(out)  # images are in their places before the manifests are
        for split in manifests:
            manifest = staged_split(aside, split) / MANIFEST
            if not is_same(out / split / MANIFEST, manifest):
                keep_record(out, out / split / MANIFEST)
            manifest.replace(out / split / MANIFEST)
        write_records(run, skipped)
    finally:
        remove_aside(aside, form)
    return repaired


def _splits(run: Run) -> list[str]:
    """The names in OUT of all splits of a run."""
    return [TRAIN, *(split.name for split in run.others)]


def _planned(run: Run, index: int, block: int) -> list[str]:
    """The ids of all outputs that an image has with a block, in the order of the manifest."""
    sample = run.sample(index)
    names = []
    if run.plan.with_originals(block):
        names.append(original_id(run, sample))
    for copy in run.plan.numbers(block, index):
        names += [
            output_id(run.job.seed, run.digest, sample.sample_id, copy, view)
            for view in run.job.pipeline.views
        ]
    return names


def _pieces(repair: _Repair) -> Iterator[Shard]:
    """The targets, in a row as far as they are, of which an output is missing or wrong."""
    for shard in repair.run.plan.shards():
        start, block = None, repair.run.plan.block(shard.block)
        is_good = repair.present(shard.block).is_good
        for place in range(shard.start, shard.stop):
            if all(map(is_good, repair.expected(shard.block, block[place]))):
                if start is not None:
                    yield Shard(shard.block, start, place)
                start = None
            elif start is None:
                start = place
        if start is not None:
            yield Shard(shard.block, start, shard.stop)


def _make_images(repair: _Repair) -> Repaired:
    """Make again what is missing or wrong, and put images in their places; their rows are collected
    aside."""
    replaced = count = 0
    failed: list[tuple[Shard, Fault]] = []
    set_aside, runtime = repair.set_aside(), repair.run.runtime
    with (
        served(repair.run) as reachable,
        (repair.aside / REMADE / MANIFEST).open("wb") as rows,
    ):
        pool = Pool(
            ShardWork(reachable), _pieces(repair), runtime.workers, remedy=_REMEDY,
            set_aside=set_aside, seconds_an_image=runtime.seconds_an_image,
        )  # fmt: skip
        with closing(pool):
            for report in pool.reports():
                for line, fault in _take_over(repair, report, set_aside):
                    if fault is None:
                        rows.write(line)
                        replaced += 1
                        continue
                    count += 1
                    failed.append((report.shard, fault))
                if len(failed) > 8 * MOST_FAULTS:
                    failed = sorted(failed)[:MOST_FAULTS]
    faults = [fault for _, fault in sorted(failed)[:MOST_FAULTS]]
    return Repaired(replaced, faults, count)


def _take_over(
    repair: _Repair, report: ShardReport, set_aside: dict[int, str]
) -> Iterator[tuple[bytes, Fault | None]]:
    """Put the images that were made again of a shard in their places: (line, what is against it) of
    each output that was missing or wrong."""
    run, shard = repair.run, report.shard
    part = next(run.sink.committed(run.runtime.place, shard), None)
    if part is None or part.rows != report.outputs:
        raise RunFailed(f"{repair.aside} cannot be read back; check the disk.")
    made = {orjson.loads(line)["sample_id"]: line for line in part.row_lines()}
    skipped = map(orjson.loads, part.skipped_lines())
    reasons = {line["source_id"]: line["reason"] for line in skipped}
    doubt, present = _doubt(run, report, set_aside), repair.present(shard.block)
    for index in run.plan.block(shard.block)[shard.start : shard.stop]:
        sample = run.sample(index)
        for output in repair.expected(shard.block, index):
            if present.is_good(output):
                continue
            if output not in made:
                reason = reasons.get(sample.sample_id, "its worker did not make it")
                what = f"output {output} of it cannot be made again: {reason}"
                yield b"", Fault(sample.relative, what)
                continue
            row = _row(made[output])
            against = _against(repair, shard.block, row, doubt)
            against = against or _put(repair, shard.block, row)
            split = run.plan.split(shard.block)
            where = row.file_name if split == TRAIN else f"{split}/{row.file_name}"
            fault = None if against is None else Fault(where, against)
            yield made[output], fault


def _row(line: bytes) -> Row:
    row = parse_row(line, 0)
    if not isinstance(row, Row):
        raise RunFailed(f"{row}: a row that was just made; check the disk.")
    return row


def _doubt(run: Run, report: ShardReport, set_aside: dict[int, str]) -> str | None:
    """Why outputs of a shard may have been made of other images than in the run, if so."""
    if report.outputs > 0 and report.decodes == 0:
        return "a worker died"
    for index, reason in report.unreadable.items():
        is_original = run.job.include_originals is not Originals.none or index >= len(run.listing)
        is_target = is_original or run.plan.copies(index) > 0
        if is_target and index not in set_aside:
            return f"{run.sample(index).relative} cannot be decoded any more ({reason})"
    return None


def _against(repair: _Repair, block: int, row: Row, doubt: str | None) -> str | None:
    """Why an output that was made again may not be what the run made, if so."""
    line = repair.present(block).line(row.sample_id)
    if line is None:
        if doubt is None:
            return None
        return f"its row is lost and cannot be made again for sure, as {doubt}"
    before = _row(line)
    if before.sha256 == row.sha256:
        return None
    is_of_same = before.source_ids == row.source_ids and before.params == row.params
    is_published = repair.run.plan.split(block) in repair.published  # then its rows are right
    if is_of_same and not is_published:
        there = repair.restoring.in_place(row, before)
        if not any(repair.files(block).image_faults(there)):
            return None
    because = "SOURCE is not as it was" if doubt is None else doubt
    if doubt is None and _is_linked(repair.folder(block) / row.file_name):
        because = "SOURCE, to which the file in OUT is a link, is not as it was"
    return f"made again it is another image than its row says, as {because}; it stays as it is"


def _is_linked(place: Path) -> bool:
    """Whether a file has another name beside this one."""
    try:
        return place.lstat().st_nlink > 1
    except OSError:
        return False


def _most_pixels(run: Run) -> int:
    width, height = run.job.size or (1, 1)
    return max(run.job.max_pixels, width * height)


def _put(repair: _Repair, block: int, row: Row) -> str | None:
    """Put an image that was made again in its place, unless the one that stands there is right; why
    it cannot be put there."""
    if not any(repair.files(block).image_faults(row)):
        return None
    staged = staged_split(repair.aside, repair.run.plan.split(block))
    most = _most_pixels(repair.run)
    return repair.restoring.put(staged, repair.folder(block), row, most)


def _join(repair: _Repair, split: str) -> None:
    """Join the rows of a split aside: those that were good, those made again, and those that could
    not be."""
    job = repair.run.job
    with Present(repair.aside / REMADE, _NONE) as made:
        lines = _lines(repair, split, made)
        repair.restoring.join(repair.run.runtime.place, split, lines, job.shard_size)


def _lines(repair: _Repair, split: str, made: Present) -> Iterator[Line]:
    present = repair.manifests[split]
    for shard in repair.run.plan.shards():
        if repair.run.plan.split(shard.block) != split:
            continue
        for index in repair.run.plan.block(shard.block)[shard.start : shard.stop]:
            for output in repair.expected(shard.block, index):
                new = made.line(output)
                line = new or present.line(output)
                if line is not None:
                    yield Line(line, new is not None)
