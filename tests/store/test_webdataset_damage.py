"""Runs of tars that are damaged or killed, and go on to the same bytes."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from augcli.engine.plan import Run
from augcli.enums import Originals
from augcli.errors import RunFailed
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from tests.conftest import ROOT, tree, write_photo
from tests.helpers.runs import make_run, run_over
from tests.helpers.tar_runs import archives_in, make, members, published, rows_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two classes of 20 images, one of them damaged, and a split of four."""
    for number in range(40):
        write_photo(tmp_path / "source/train" / "ab"[number % 2] / f"{number}.jpg", number, 16, 12)
    for number in range(4):
        folder = tmp_path / "source/val" / "ab"[number % 2]
        write_photo(folder / f"{number}.{'png' if number == 3 else 'jpg'}", 100 + number, 9, 12)
    (tmp_path / "source/train/a/4.jpg").write_bytes(b"no image")
    return tmp_path / "source"


def test_an_original_with_an_ending_of_another_member(tmp_path: Path) -> None:
    """A list of paths may name any file."""
    from augcli.data.source import list_paths
    from augcli.enums import LabelsFrom

    names = [f"{folder}/{number}.{end}" for folder in "ab" for number, end in enumerate(
        ("json", "cls", "JPG"))]  # fmt: skip
    for number, name in enumerate(names):
        write_photo(tmp_path / name, number, 16, 12, format="JPEG")
    paths = io.BytesIO("\n".join(names).encode())
    listing = list_paths(paths, LabelsFrom.parent, str(tmp_path))
    run = make_run(
        listing, Pipeline("cutmix", (Step(CutMix()),)), tmp_path / "out/.augcli",
        sink="webdataset", include_originals=Originals.copy,
    )  # fmt: skip
    out = make(run)
    files = members(out / "train/train-000000.tar")
    for row in rows_of(out / "train"):
        data = files[row["file_name"].partition("/")[2]]
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
    assert len(files) == 3 * 12


@pytest.mark.parametrize("harm", ["cut", "other", "gone", "rows", "zeros", "orphan"])
def test_a_damaged_piece_is_made_again(source: Path, tmp_path: Path, harm: str) -> None:
    from augcli.engine.job import identity
    from augcli.engine.shard import run_shard
    from augcli.enums import Existing
    from augcli.store.journal import begin
    from augcli.store.lock import holding

    calm = make(run_over(source, tmp_path / "calm", copies=2, sink="webdataset"))
    run = run_over(source, tmp_path / "out", copies=2, sink="webdataset")
    now = identity(run.job, run.listing)
    with holding(tmp_path / "out"):
        begin(tmp_path / "out", now, run.listing, Existing.refuse)
    run.sink.begin(run.runtime.place, now, resumed=False)
    first, second, *_ = run.plan.shards()
    pieces: list[Path] = []
    for shard in (first, second):
        run_shard(run, shard)
        pieces.append(part_of(run, shard).piece)
    data = bytearray(pieces[0].read_bytes())
    if harm == "cut":
        pieces[0].write_bytes(data[:-1])
    elif harm == "other":
        data[700] ^= 1
        pieces[0].write_bytes(data)
    elif harm == "zeros":
        pieces[0].write_bytes(bytes(len(data)))
    elif harm == "rows":
        place = data.index(b'"lam"')
        data[place : place + 5] = b'"mal"'
        pieces[0].write_bytes(data)
    elif harm == "gone":
        pieces[0].unlink()
    else:
        part_of(run, first).path.unlink()
    (pieces[0].parent / "00000007-00000-00009.tar.99.tmp").write_bytes(b"of a killed worker")
    run.sink.begin(run.runtime.place, now, resumed=True)
    assert [one.shard for one in run.sink.committed(run.runtime.place)] == [second]
    names = {path.name for path in pieces[0].parent.iterdir()}
    left = {pieces[1].name, f"{pieces[1].stem}.rows"} | (
        set() if harm in ("orphan", "gone") else {pieces[0].name}
    )
    assert names <= left
    out = make(run, resume=True)
    assert published(out) == published(calm)


def part_of(run: Run, shard: Any) -> Any:
    return next(run.sink.committed(run.runtime.place, shard))


def test_a_piece_that_is_damaged_while_the_run_goes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augcli.tasks import generate as module

    usual = module._make_shards

    def and_harm(run: Run, on_report: Any) -> int:
        deaths = usual(run, on_report)
        next((run.runtime.state / "parts").glob("*.tar")).write_bytes(b"")
        return deaths

    run = run_over(source, tmp_path / "out", sink="webdataset")
    monkeypatch.setattr(module, "_make_shards", and_harm)
    with pytest.raises(RunFailed, match=r"is not as a worker wrote it: .* with --resume\.$"):
        make(run)
    assert not (tmp_path / "out/train").exists()
    monkeypatch.undo()
    calm = make(run_over(source, tmp_path / "calm", sink="webdataset"))
    assert published(make(run, resume=True)) == published(calm)


def test_what_a_finished_run_lacks_is_said(source: Path, tmp_path: Path) -> None:
    run = run_over(source, tmp_path / "out", sink="webdataset", shard_size="13")
    out = make(run)
    before = tree(out)
    assert make(run, resume=True) == out
    assert tree(out) == before
    archive = out / "train/train-000001.tar"
    data = archive.read_bytes()
    archive.write_bytes(data[:-512])
    with pytest.raises(
        RunFailed, match=rf"000001.tar has {len(data) - 512} bytes where its run wrote {len(data)};"
    ):
        make(run, resume=True)
    archive.unlink()
    with pytest.raises(RunFailed, match=r"train-000001.tar is missing; `augcli verify"):
        make(run, resume=True)


KILLED = """
import os, sys
from pathlib import Path
from augcli.__main__ import main
at, parent, count = int(sys.argv.pop(1)), os.getpid(), 0
def step(usual):
    def stepped(*arguments, **options):
        global count
        if os.getpid() == parent:
            count += 1
            if count == at:
                os.kill(parent, 9)
        return usual(*arguments, **options)
    return stepped
Path.replace, Path.unlink, Path.rename, os.fsync, os.copy_file_range = map(
    step, (Path.replace, Path.unlink, Path.rename, os.fsync, os.copy_file_range)
)
main()
"""


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_step_of_its_end(source: Path, tmp_path: Path) -> None:
    """One run after the other goes on for some steps, until one comes to the end."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    options = [str(source), "-r", "cutmix", "-q", "--output-format", "webdataset",
               "--shard-size", "13", "-j", "1", "--max-errors", "1"]  # fmt: skip
    command = [sys.executable, "-c", KILLED]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "0", "generate", options[0], str(calm), *options[1:]],
                   env=environment, check=True, timeout=100)  # fmt: skip
    codes = []
    for step in (9, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30, 1000):
        arguments = ["generate", options[0], str(out), *options[1:]]
        arguments += ["--resume"] if out.exists() else []
        result = subprocess.run([*command, str(step), *arguments], env=environment, timeout=100,
                                capture_output=True, text=True, check=False)  # fmt: skip
        codes.append(result.returncode)
        if (out / "train").exists():
            assert published(out) == published(calm) or not (out / "run.json").exists()
        if result.returncode == 0 and step < 1000:
            continue
        assert result.returncode in (0, -9), result.stderr
    assert codes[-1] == 0
    assert codes.count(-9) >= 4, "it was killed on its way"
    assert published(out) == published(calm)
    assert not (out / ".augcli/parts").exists()


def test_kills_at_any_moment_leave_the_same_bytes(tmp_path: Path) -> None:
    """SIGKILL to the parent, four times, whatever it and its workers are about."""
    source = tmp_path / "source"
    for number in range(160):
        write_photo(source / "ab"[number % 2] / f"{number}.jpg", number, 32, 32)
    options = [str(source), "-r", "cutmix", "-k", "2", "-q", "-j", "2", "--output-format",
               "webdataset", "--shard-size", "100"]  # fmt: skip
    calm, out = tmp_path / "calm", tmp_path / "out"
    command = [sys.executable, "-m", "augcli", "generate", options[0]]
    subprocess.run([*command, str(calm), *options[1:]], cwd=ROOT, check=True, timeout=100)
    kills = 0
    for number in range(4):
        more = ["--resume"] if number else []
        process = subprocess.Popen([*command, str(out), *options[1:], *more], cwd=ROOT)
        deadline = time.monotonic() + 60
        while process.poll() is None and len(list(out.glob(".augcli/parts/*.rows"))) < 1 + number:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait(timeout=60)
    assert kills >= 3
    subprocess.run([*command, str(out), *options[1:], "--resume"], cwd=ROOT, check=True,
                   timeout=100)  # fmt: skip
    assert published(out) == published(calm)
    assert len(archives_in(out / "train")) == 4


def test_the_webdataset_package_reads_it(source: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    options = {"copies": 2, "sink": "webdataset", "shard_size": "30"}
    out = make(run_over(source, tmp_path / "out", **options))
    pattern = str(out / "train/train-{000000..000002}.tar")
    data = webdataset.WebDataset(pattern, shardshuffle=False).decode("pil")
    samples = list(data)
    rows = rows_of(out / "train")
    assert [sample["__key__"] for sample in samples] == [row["sample_id"] for row in rows]
    for sample, row in zip(samples, rows, strict=True):
        assert sample["cls"] == row["label"]
        image = sample["jpg"]
        assert isinstance(image, Image.Image) and image.size == (row["width"], row["height"])
        assert sample["json"]["label_weights"] == row["label_weights"]
    tuples = webdataset.WebDataset(pattern, shardshuffle=False).decode("rgb8")
    (images, labels), *_ = tuples.to_tuple("jpg", "cls").batched(78)
    assert (len(images), list(labels)) == (78, [row["label"] for row in rows])
