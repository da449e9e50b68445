"""A run over a source with splits that is killed three times leaves what a calm one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import tree, write_photo
from tests.helpers.waiting import group_has_ended, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills a group of processes")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_photo(tmp_path / "one.jpg", 1, 24, 18)
    data = (tmp_path / "one.jpg").read_bytes()
    for split, count in (("train", 120), ("val", 90), ("test", 70)):
        for index in range(count):
            for class_name in ("cat", "dog"):
                place = tmp_path / "source" / split / class_name / f"{index}.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
    return tmp_path / "source"


def start(source: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    words = ("generate", source, out, "-r", "mixup", "--copies", "2", "-j", "2", "-q", *more)
    return subprocess.Popen(
        [sys.executable, "-m", "augcli", *map(str, words)],
        start_new_session=True,
        stderr=subprocess.PIPE,
    )


def parts_in(out: Path) -> int:
    return len(list((out / ".augcli/parts").glob("*.rows")))


@pytest.mark.slow
def test_three_kills(source: Path, tmp_path: Path) -> None:
    calm, out = tmp_path / "calm", tmp_path / "out"
    assert start(source, calm).wait(120) == 0
    expected = {split: tree(calm / split) for split in ("train", "val", "test")}
    moments = (
        lambda: parts_in(out) >= 2,  # of the split that is augmented
        lambda: any((out / ".augcli/splits/val").glob("*/*.jpg")),
        lambda: (out / "val").exists(),  # the publication has begun
    )
    for number, moment in enumerate(moments):
        run = start(source, out, *(["--resume"] if number else []))
        wait_until(lambda run=run, moment=moment: moment() or run.poll() is not None, "it begins")  # type: ignore[misc]
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait(60)
        wait_until(lambda run=run: group_has_ended(run.pid), "its workers end")  # type: ignore[misc]
        if number < 2:  # the last steps may be over before the signal comes
            assert run.returncode == -signal.SIGKILL
            assert not (out / "run.json").exists()
    run = start(source, out, "--resume")
    assert (run.wait(120), run.stderr.read() if run.stderr else b"") == (0, b"")
    assert {split: tree(out / split) for split in expected} == expected
    assert sorted(path.name for path in out.iterdir()) == sorted(p.name for p in calm.iterdir())
    kept = {path.name for path in (out / ".augcli").iterdir()}
    assert kept - {"timings.json"} == {"identity.json", "lock", "sources"}
