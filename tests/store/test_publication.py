"""The end of a run: it appears as a whole, once, beside nobody else's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from augcli.errors import RunFailed, UserError
from augcli.store import merge as merging
from augcli.store.layout import IDENTITY
from augcli.store.lock import holding
from augcli.store.sinks import folder as folder_sink
from augcli.tasks import generate as generate_module
from tests.conftest import ROOT, Augcli, tree
from tests.store.test_stored import COPIES, Stop, make, source

__all__ = ["source"]


@pytest.mark.parametrize("name", ["train", "run.json", "classes.txt", "errors.jsonl"])
def test_a_stranger_that_appears_during_the_run_loses_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out, usual = tmp_path / "out", merging.merge_parts
    mine = out / name / "mine.txt" if name == "train" else out / name

    def merge(state: Path) -> merging.Published:
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("mine")
        return usual(state)

    monkeypatch.setattr(folder_sink, "merge_parts", merge)
    with pytest.raises(RunFailed, match=f"^{out / name} appeared while the run went on"):
        make(source, out)
    monkeypatch.undo()
    assert sorted(path.name for path in out.iterdir()) == [".augcli", name]
    with pytest.raises((RunFailed, UserError), match=name):
        make(source, out, resume=True)
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in out.iterdir()) == [".augcli", name]
    shutil.rmtree(out / name) if name == "train" else mine.unlink()
    assert make(source, out, resume=True).outputs == 39 * COPIES


@pytest.mark.parametrize("at", ["classes.txt", "errors.jsonl", "train", "run.json"])
def test_a_publication_that_is_stopped_is_completed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Before each of its renames; run.json is never there before OUT/train."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    make(source, calm)

    def stopping(usual: Callable[..., object]) -> Callable[..., object]:
        def move(path: Path, target: Path) -> object:
            if Path(target) == out / at:
                raise Stop
            return usual(path, target)

        return move

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", stopping(os.link))
        patched.setattr(Path, "rename", stopping(Path.rename))
        with pytest.raises(Stop):
            make(source, out)
    assert not (out / "run.json").exists()
    assert (out / "train").exists() == (at == "run.json")
    outcome = make(source, out, resume=True)
    assert (outcome.outputs, outcome.skipped) == (39 * COPIES, 1)
    assert outcome.was_complete == (at == "run.json")
    assert tree(out / "train") == tree(calm / "train")
    assert {path.name for path in out.iterdir()} == {path.name for path in calm.iterdir()}
    assert not (out / ".augcli/parts").exists()


def test_a_finished_run_says_so(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("generate", photos, out, "-r", "cutmix")
    assert augcli(*command).returncode == 0
    before = tree(out)
    result = augcli(*command, "--resume")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"Already complete: 15 images of 3 classes in {out / 'train'}.\n"
    assert tree(out) == before


def shrink(out: Path, size: int) -> None:
    """Cut the first image, after which another one of a run's names stands beside it."""
    image = min((out / "train").glob("*/*"))
    image.write_bytes(image.read_bytes()[:size])
    image.with_name("0123456789abcdef.jpg").write_bytes(b"somebody's")
    Path(os.fsdecode(os.fsencode(image.parent) + b"/\xff.jpg")).write_bytes(b"another's")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda out: shutil.rmtree(out / "train/cow"), " lacks "),
        (lambda out: next((out / "train").glob("*/*")).unlink(), " lacks 1 of its 15 images"),
        (lambda out: next((out / "train").glob("*/*")).rename(out / "train/ant/x.jpg"), "lacks 1"),
        (lambda out: shrink(out, 0), " lacks 1 of its 15 images, or they are empty; "),
        (lambda out: shrink(out, 100), "The images of OUT"),
        (lambda out: shutil.rmtree(out / "train"), "is not the one that the run in OUT published"),
        (lambda out: (out / "train/metadata.jsonl").write_text(""), "is not the one that the run"),
        (lambda out: (out / "train/metadata.jsonl").unlink(), "is not the one that the run in"),
    ],
)
def test_a_finished_run_that_lost_images_is_not_complete(
    augcli: Augcli, photos: Path, tmp_path: Path, harm: Callable[[Path], None], sentence: str
) -> None:
    out = tmp_path / "out"
    command = ("generate", photos, out, "-r", "cutmix")
    assert augcli(*command).returncode == 0
    before = tree(out / "train")
    harm(out)
    result = augcli(*command, "--resume")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert sentence in result.stderr and f"`augcli verify {out} --repair`" in result.stderr
    assert augcli("verify", out, "--repair").returncode in (0, 1)  # 1: a file that it does not know
    assert tree(out / "train").items() >= before.items()


@pytest.mark.parametrize("name", ["classes.txt", "errors.jsonl"])
def test_a_finished_run_whose_list_is_another_is_not_complete(
    augcli: Augcli, photos: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    command = ("generate", photos, out, "-r", "cutmix")
    assert augcli(*command).returncode == 0
    for harm in (lambda: (out / name).write_text("mine"), (out / name).unlink):
        harm()
        result = augcli(*command, "--resume")
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == (
            f"augcli: {out / name} is not as the run in OUT wrote it; `augcli verify {out}` tells"
            " more.\n"
        )


@pytest.mark.parametrize("bad", ["Infinity", "-1", "1e3", "true", '"15"', "[" * 99_999])
@pytest.mark.parametrize("key", ["outputs", "skipped"])
def test_counts_that_are_none_are_one_sentence(
    augcli: Augcli, photos: Path, tmp_path: Path, key: str, bad: str
) -> None:
    out = tmp_path / "out"
    command = ("generate", photos, out, "-r", "cutmix")
    assert augcli(*command).returncode == 0
    record = json.loads((out / "run.json").read_text())
    record["counts"][key] = "X"
    (out / "run.json").write_text(json.dumps(record).replace('"X"', bad))
    result = augcli(*command, "--resume")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"{out / 'run.json'} is damaged" in result.stderr


@pytest.mark.parametrize("option", ["--resume", "--overwrite"])
@pytest.mark.parametrize("name", [IDENTITY, "lock", "holder.json"])
def test_a_fifo_among_the_records_is_not_waited_for(
    augcli: Augcli, photos: Path, tmp_path: Path, name: str, option: str
) -> None:
    out = tmp_path / "out"
    assert augcli("generate", photos, out, "-r", "cutmix").returncode == 0
    (out / ".augcli" / name).unlink(missing_ok=True)
    os.mkfifo(out / ".augcli" / name)
    result = augcli("generate", photos, out, "-r", "cutmix", option)
    goes_on = (name, option) == (IDENTITY, "--overwrite")
    assert (result.returncode, result.stderr.count("\n")) == ((0, 0) if goes_on else (2, 1))


def test_a_lock_that_holds_something_is_not_emptied(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "out/.augcli/lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("mine")
    result = augcli("generate", photos, tmp_path / "out", "-r", "cutmix")
    assert (result.returncode, "is not the lock of a run" in result.stderr) == (2, True)
    assert lock.read_text() == "mine"


@pytest.mark.parametrize("killed", ["fresh", "--overwrite"])
def test_a_killed_run_can_be_replaced_and_resumed(
    augcli: Augcli, photos: Path, tmp_path: Path, killed: str
) -> None:
    for then in ("--overwrite", "--resume"):
        out = tmp_path / f"out{then}"
        if killed == "--overwrite":
            assert augcli("generate", photos, out, "-r", "mixup").returncode == 0
        command = [sys.executable, "-m", "augcli", "generate", str(photos), str(out)]
        command += ["-r", "cutmix", "-k", "300", "-q"] + ["--overwrite"] * (killed != "fresh")
        process = subprocess.Popen(command, cwd=ROOT)
        deadline = time.monotonic() + 60
        while not list(out.glob(".augcli/train/*/*.jpg")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        result = augcli("generate", photos, out, "-r", "cutmix", "-k", 300, then, "--json")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["outputs"] == 4500


@pytest.mark.parametrize("option", [{}, {"overwrite": True}, {"resume": True}])
def test_a_run_that_began_meanwhile_is_left_alone(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: dict[str, bool]
) -> None:
    """Between the look at OUT and the lock, another run of another seed comes and ends."""
    out = tmp_path / "out"
    if option.get("overwrite"):
        make(source, out)
    usual, first = holding, iter([True])

    def late(place: Path) -> object:
        if next(first, False):
            make(source, out, seed=9, overwrite=option.get("overwrite", False))
        return usual(place)

    monkeypatch.setattr(generate_module, "holding", late)
    with pytest.raises(UserError) as refused:
        make(source, out, **option)
    sentence = {"overwrite": "was changed by another run", "resume": "begun with --seed 9 (now 0)"}
    assert sentence.get(next(iter(option), ""), "holds a finished run") in str(refused.value)
    assert json.loads((out / "run.json").read_text())["seed"] == 9
    assert len(tree(out / "train")) == 39 * COPIES + 1


@pytest.mark.parametrize("option", [{}, {"overwrite": True}, {"resume": True}])
def test_a_run_that_goes_on_keeps_others_out(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: dict[str, bool]
) -> None:
    out = tmp_path / "out"
    make(source, out)
    before = tree(out)
    monkeypatch.setattr("augcli.store.lock._PATIENCE_SECONDS", 0.2)
    with holding(out), pytest.raises(UserError) as refused:
        make(source, out, **option)
    assert f"OUT {out} is in use by process {os.getpid()} on " in str(refused.value)
    assert tree(out) == before
