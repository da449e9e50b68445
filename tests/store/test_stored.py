"""What OUT may hold when a run comes to it: damaged parts, strangers' files, half a run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augcli.engine.plan import Shard
from augcli.errors import RunFailed, UserError
from augcli.store import merge as merging
from augcli.store.layout import IDENTITY, REMOVAL
from augcli.store.removal import remove_run
from augcli.store.sinks import folder as folder_sink
from augcli.tasks import generate as generate_module
from augcli.tasks.generate import planned
from tests.conftest import Augcli, tree, write_photo
from tests.helpers.runs import generate, run_over

COPIES = 2


class Stop(Exception):
    """As a run is killed."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for number in range(40):
        write_photo(folder / "ab"[number % 2] / f"{number:02}.jpg", number, 24, 18)
    (folder / "a" / "04.jpg").write_bytes(b"no image")
    return folder


def make(source: Path, out: Path, seed: int = 0, **options: Any) -> generate_module.Outcome:
    run = run_over(source, out, copies=COPIES, seed=seed)
    return generate(run, source={"source": str(source)}, workers=1, **options)


def stopped_before(
    monkeypatch: pytest.MonkeyPatch, step: str, source: Path, out: Path, seed: int = 0
) -> None:
    """Make a run into OUT and kill it before a step of its end."""

    def stop(*_: object, **__: object) -> None:
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(folder_sink, step, stop)
        with pytest.raises(Stop):
            make(source, out, seed)


def errors(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "errors.jsonl").open()]


@pytest.fixture
def interrupted(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of which every part is committed, and nothing more."""
    out = tmp_path / "out"
    stopped_before(monkeypatch, "merge_parts", source, out)
    assert len(parts(out)) >= 2
    return out


def parts(out: Path) -> list[Path]:
    return sorted((out / ".augcli/parts").glob("*.rows"))


def test_rows_and_lost_outputs_are_what_was_planned(source: Path, tmp_path: Path) -> None:
    outcome = make(source, tmp_path / "out")
    (error,) = errors(tmp_path / "out")
    assert (outcome.outputs, error["outputs"]) == (39 * COPIES, COPIES)
    counts = json.loads((tmp_path / "out/run.json").read_text())["counts"]
    assert counts["planned"] == counts["outputs"] + COPIES == 40 * COPIES
    assert planned(run_over(source, tmp_path / "out", copies=COPIES)) == 40 * COPIES


def emptied(part: Path) -> None:
    part.write_bytes(b"")


def cut_in_a_row(part: Path) -> None:
    data = part.read_bytes()
    part.write_bytes(data[: len(data) // 2])


def without_proof(part: Path) -> None:
    """As versions before wrote it."""
    part.write_bytes(b"".join(part.read_bytes().splitlines(keepends=True)[:-1]))


def without_a_row(part: Path) -> None:
    part.write_bytes(b"".join(part.read_bytes().splitlines(keepends=True)[1:]))


def noise(part: Path) -> None:
    part.write_bytes(bytes(range(256)) * 40)


def one_byte(part: Path) -> None:
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)


def of_another_place(part: Path) -> None:
    shutil.copy(parts(part.parent.parent.parent)[-1], part)


def deep(part: Path) -> None:
    part.write_bytes(b"[" * 100_000 + b"\n")


def infinite(part: Path) -> None:
    proof = part.read_bytes().splitlines(keepends=True)[-1]
    rows = proof.partition(b'"rows": ')[2].partition(b",")[0]
    part.write_bytes(part.read_bytes().replace(b'"rows": ' + rows, b'"rows": Infinity'))


def fifo(part: Path) -> None:
    part.unlink()
    os.mkfifo(part)


def an_image_is_gone(part: Path) -> None:
    _image(part).unlink()


def an_image_is_cut(part: Path) -> None:
    os.truncate(_image(part), 100)


def an_image_is_a_link(part: Path) -> None:
    image = _image(part)
    shutil.copy(image, image.parents[3] / "elsewhere.jpg")
    image.unlink()
    image.symlink_to(image.parents[3] / "elsewhere.jpg")


def an_image_is_other_bytes(part: Path) -> None:
    """Of the same number."""
    image = _image(part)
    image.write_bytes(bytes(image.stat().st_size))


def _image(part: Path) -> Path:
    row = json.loads(part.read_bytes().splitlines()[0])
    return part.parent.parent / "train" / row["file_name"]


@pytest.mark.parametrize(
    "harm",
    [
        emptied, cut_in_a_row, without_proof, without_a_row, noise, one_byte, of_another_place,
        deep, infinite, fifo, an_image_is_gone, an_image_is_cut, an_image_is_a_link,
        an_image_is_other_bytes,
    ],
)  # fmt: skip
def test_a_damaged_part_is_made_again(
    harm: Callable[[Path], None], source: Path, tmp_path: Path, interrupted: Path
) -> None:
    harm(parts(interrupted)[0])
    resumes_with_the_first_block_again(source, tmp_path / "calm", interrupted)


def test_a_part_of_another_run_is_made_again(
    source: Path, tmp_path: Path, interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same source and recipe under another seed; its images are there as well."""
    other = tmp_path / "other"
    stopped_before(monkeypatch, "merge_parts", source, other, seed=5)
    shutil.copy(parts(other)[0], parts(interrupted)[0])
    shutil.copytree(other / ".augcli/train", interrupted / ".augcli/train", dirs_exist_ok=True)
    resumes_with_the_first_block_again(source, tmp_path / "calm", interrupted)


def resumes_with_the_first_block_again(source: Path, calm: Path, interrupted: Path) -> None:
    make(source, calm)
    reported: list[int] = []
    run = run_over(source, interrupted, copies=COPIES)
    generate(
        run, source={"source": str(source)}, workers=1, resume=True,
        on_report=lambda report: reported.append(report.shard.block),
    )  # fmt: skip
    assert reported == [0], "this one, and no other"
    assert tree(interrupted / "train") == tree(calm / "train")
    assert errors(interrupted) == errors(calm)


def test_a_part_that_vanishes_during_the_run_is_not_passed_over(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, usual = tmp_path / "out", merging.merge_parts

    def merge(state: Path) -> merging.Published:
        parts(out)[0].unlink()
        return usual(state)

    monkeypatch.setattr(folder_sink, "merge_parts", merge)
    with pytest.raises(RunFailed, match=r"rows where 78 were planned.*with --resume\.$"):
        make(source, out)
    assert not (out / "train").exists() and not (out / "run.json").exists()
    monkeypatch.undo()
    assert make(source, out, resume=True).outputs == 39 * COPIES


FOREIGN: dict[str, Callable[[Path], object]] = {
    "a run.json of nobody": lambda out: (out / "run.json").write_text("{}"),
    "a run.json of another program": lambda out: (out / "run.json").write_text(
        '{"recipe": "soup", "seed": 1, "versions": {}, "counts": {}}'
    ),
    "a run.json that is deep": lambda out: (out / "run.json").write_text("[" * 100_000),
    "an empty state": lambda out: (out / ".augcli").mkdir(),
    "a state of nobody": lambda out: _write(out / ".augcli/identity.json", "{}"),
    "a removal of nobody": lambda out: _write(out / ".augcli/removal.json", '{"versions": {}}'),
    "a FIFO": lambda out: os.mkfifo(out / "run.json"),
}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("option", ["--overwrite", "--resume", None])
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_no_record_proves_to_be_a_run_is_left_alone(
    augcli: Augcli, source: Path, tmp_path: Path, kind: str, option: str | None
) -> None:
    out = tmp_path / "out"
    (out / "train/cat").mkdir(parents=True)
    (out / "classes.txt").write_text("mine")
    (out / "train/cat/photo.jpg").write_text("mine")
    FOREIGN[kind](out)
    before = sorted(out.rglob("*"))
    options = [option] if option else []
    result = augcli("generate", source, out, "-r", "cutmix", *options)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    if option == "--overwrite":
        assert "--overwrite only replaces runs" in result.stderr
    assert sorted(out.rglob("*")) == before
    assert (out / "train/cat/photo.jpg").read_text() == "mine"
    assert (out / "classes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["train/notes.txt", "train/a/photo.jpg", "train/a/more/x.txt"])
def test_what_a_run_cannot_have_written_is_not_removed_with_it(
    augcli: Augcli, source: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    make(source, out)
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    before = tree(out)
    result = augcli("generate", source, out, "-r", "mixup", "--overwrite", "-q")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "is nothing that a run writes; move it away to replace the run" in result.stderr
    assert tree(out) == before
    (out / name).rename(tmp_path / "mine")
    shutil.rmtree(out / "train/a/more", ignore_errors=True)
    assert augcli("generate", source, out, "-r", "mixup", "--overwrite", "-q").returncode == 1
    rows = map(json.loads, (out / "train/metadata.jsonl").open())
    assert {row["recipe"] for row in rows} == {"mixup"}


@pytest.mark.parametrize("name", ["train/a", "classes.txt", "errors.jsonl", "run.json"])
def test_what_an_unpublished_run_did_not_write_is_not_removed_with_it(
    source: Path, interrupted: Path, name: str
) -> None:
    mine = interrupted / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    before = tree(interrupted)
    first = interrupted / name.partition("/")[0]
    with pytest.raises(UserError, match=f"^{first} was not written by the run in OUT"):
        make(source, interrupted, overwrite=True)
    assert tree(interrupted) == before
    mine.rename(source.parent / "mine")
    if name == "train/a":
        first.rmdir()
    assert make(source, interrupted, overwrite=True).outputs == 39 * COPIES


@pytest.mark.parametrize("name", ["a/mine.txt", "mine.txt", "a/more/mine.txt"])
def test_what_lies_among_staged_images_is_neither_removed_nor_published(
    source: Path, interrupted: Path, name: str
) -> None:
    mine = interrupted / ".augcli/train" / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(RunFailed, match="appeared while the run went on and is not its own"):
        make(source, interrupted, resume=True)
    assert mine.read_text() == "mine"
    assert not (interrupted / "train").exists()
    mine.rename(source.parent / "mine")
    if name == "a/more/mine.txt":
        mine.parent.rmdir()
    assert make(source, interrupted, resume=True).outputs == 39 * COPIES


def test_shards_of_any_size_make_the_same_bytes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(source, tmp_path / "calm")
    monkeypatch.setattr("augcli.engine.plan._OUTPUTS", 5)
    run, reported = run_over(source, tmp_path / "out", copies=COPIES), list[Shard]()
    assert max(shard.stop - shard.start for shard in run.plan.shards()) == 1
    generate(
        run, source={"source": str(source)}, workers=2,
        on_report=lambda report: reported.append(report.shard),
    )  # fmt: skip
    assert sorted(reported) == list(run.plan.shards())
    assert tree(tmp_path / "out/train") == tree(tmp_path / "calm/train")
    assert errors(tmp_path / "out") == errors(tmp_path / "calm")


def test_other_files_beside_a_run_stay(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(source, out)
    for name in ("notes.txt", ".augcli/notes.txt", ".augcli/parts/notes.txt"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("mine")
    make(source, out, seed=1, overwrite=True)
    for name in ("notes.txt", ".augcli/notes.txt", ".augcli/parts/notes.txt"):
        assert (out / name).read_text() == "mine"


def test_run_json_proves_a_run_alone(source: Path, tmp_path: Path) -> None:
    """Where the other record is lost, which proves nothing that is published."""
    out = tmp_path / "out"
    make(source, out)
    (out / ".augcli/identity.json").unlink()
    remove_run(out)
    assert sorted(path.name for path in out.rglob("*")) == [".augcli", "lock", REMOVAL]
    assert make(source, out, overwrite=True).outputs == 39 * COPIES
    assert not (out / ".augcli" / REMOVAL).exists()
    assert (out / ".augcli" / IDENTITY).exists()
    (out / "run.json").unlink()
    with pytest.raises(UserError, match="was not written by the run in OUT; move it away"):
        remove_run(out)
    assert (out / "classes.txt").exists()
