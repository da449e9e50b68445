"""Harm done on purpose: full disks, failing writes, odd names, files that change or stall."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest

from augcli.data.labels import from_printable
from augcli.errors import RunFailed
from augcli.files import replace_file
from augcli.store import durable
from augcli.store.sinks import folder as folder_sink
from tests.conftest import ROOT, Augcli, tree, write_photo
from tests.helpers.runs import generate, run_over


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs to be root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_a_resume_completes_it(
    augcli: Augcli, tmp_path: Path, small_disk: Path
) -> None:
    source = tmp_path / "source"
    for number in range(60):
        write_photo(source / "ab"[number % 2] / f"{number}.jpg", number, 300, 240)
    calm, out = tmp_path / "calm", small_disk / "out"
    assert augcli("generate", source, calm, "-r", "cutmix", "-q").returncode == 0
    result = augcli("generate", source, out, "-r", "cutmix", "-q")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert (
        "No space left on device; fix that and run the same command with --resume." in result.stderr
    )
    assert not (out / "train").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    result = augcli("generate", source, out, "-r", "cutmix", "-q", "--resume")
    assert result.returncode == 0, result.stderr
    assert tree(out / "train") == tree(calm / "train")


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (0, "holder.json"),
        (1, "identity.json"),
        (2, "classes.txt"),
        (3, "README.md"),
        (4, "run.json"),
    ],
)
def test_any_durable_write_may_fail(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    call: int,
    name: str,
) -> None:
    """The n-th durable write of a run fails; a second run completes it to the same bytes."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    source_fields = {"source": str(photos)}
    generate(run_over(photos, calm), source=source_fields, workers=1)
    usual, names = replace_file, list[str]()

    def failing(path: Path, data: bytes) -> None:
        names.append(path.name)
        if len(names) == call + 1:
            raise OSError(number, os.strerror(number), str(path))
        usual(path, data)

    monkeypatch.setattr(durable, "replace_file", failing)
    with pytest.raises(RunFailed) as failed:
        generate(run_over(photos, out), source=source_fields, workers=1)
    assert names[call:] == [name], "it fired, and nothing durable was written behind it"
    assert f"{name}: {os.strerror(number)}; " in str(failed.value)
    assert not (out / "train").exists()
    monkeypatch.undo()
    generate(run_over(photos, out), source=source_fields, workers=1, resume=True)
    assert tree(out / "train") == tree(calm / "train")


@pytest.mark.slow
# With two workers, 30 images and the flush of one shard.
@pytest.mark.parametrize(
    ("step", "call"),
    [("write_file", 0), ("write_file", 1), ("write_file", 7), ("write_file", 20), ("flush", 0)],
)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_any_write_of_a_worker_may_fail(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str, call: int
) -> None:
    """The n-th image, or flush, of any worker fails: one sentence, and a resume completes it."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    generate(run_over(photos, calm, copies=2), source={"source": str(photos)}, workers=1)
    calls, parent = multiprocessing.Value("i", 0), os.getpid()
    usual = getattr(folder_sink, step)

    def failing(path: Path | str, *data: bytes) -> None:
        if os.getpid() != parent:
            with calls.get_lock():
                calls.value += 1
                if calls.value == call + 1:
                    if data:  # a write that fails halfway
                        usual(path, data[0][:100])
                    raise OSError(number, os.strerror(number), str(path))
        usual(path, *data)

    monkeypatch.setattr(folder_sink, step, failing)
    source_fields = {"source": str(photos)}
    with pytest.raises(RunFailed) as failed:
        generate(run_over(photos, out, copies=2), source=source_fields, workers=2)
    assert calls.value > call, "it fired"
    assert os.strerror(number) in str(failed.value)
    assert str(failed.value).endswith("fix that and run the same command with --resume.")
    assert not (out / "train").exists()
    monkeypatch.undo()
    generate(run_over(photos, out, copies=2), source=source_fields, workers=2, resume=True)
    assert tree(out / "train") == tree(calm / "train")


def test_clocks_may_jump(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock goes back and forth by days; nothing is given up, and no byte differs."""
    trees = []
    for name in ("calm", "jumping"):
        out = tmp_path / name
        run = run_over(photos, out)
        generate(run, source={"source": str(photos)}, workers=2, seconds_an_image=5.0)
        trees.append(tree(out / "train") | {"errors": (out / "errors.jsonl").read_text()})
        days = cycle([-4000, 4000, 0])
        monkeypatch.setattr(time, "time", lambda days=days: 1.7e9 + 86400 * next(days))
        monkeypatch.setattr(time, "time_ns", lambda days=days: 86400 * 10**9 * (5000 + next(days)))
    assert trees[0] == trees[1]


def test_an_output_that_cannot_be_written_is_one_sentence(
    augcli: Augcli, photos: Path, small_disk: Path
) -> None:
    """Read-only, and full: before any work, or as the parent writes."""
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    result = augcli("generate", photos, small_disk / "out", "-r", "cutmix")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "cannot be written" in result.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    filled = small_disk / "filled"
    with suppress(OSError), filled.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    result = augcli("generate", photos, small_disk / "out", "-r", "cutmix")
    assert result.returncode in (1, 2)
    assert result.stderr.count("\n") == 1
    assert "No space left on device" in result.stderr
    filled.unlink()
    result = augcli("generate", photos, small_disk / "out", "-r", "cutmix", "--resume")
    assert (result.returncode, result.stderr) == (0, "")


NAMES = [
    b"plain.jpg", b"with space.jpg", b"new\nline.jpg", b"quote'\".jpg", b"-rf.jpg", b"tab\t.jpg",
    b"back\\slash.jpg", b"\xff\xfe.jpg", "größe ü.jpg".encode(), "猫.jpg".encode(), b"%41.jpg",
    b"a" * 251 + b".jpg", b"\xed\xa0\x80.jpg", b"UPPER.JPG", b"upper.jpg", b"$(touch x).jpg",
]  # fmt: skip
CLASSES = [
    b"plain",
    b"-dash",
    b"with space",
    b"new\nline",
    b"\xff",
    "猫".encode(),
    b"a\\b",
    b"100%",
    "line\u2028separator\x85".encode(),
    b"\n" * 255,
    b"Case",
    b"case",
]


@pytest.mark.slow
def test_names_of_any_bytes(augcli: Augcli, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    write_photo(tmp_path / "one.jpg", 1, 24, 20)
    for number, class_name in enumerate(CLASSES):
        folder = os.fsencode(source) + b"/" + class_name
        os.makedirs(folder)  # noqa: PTH103
        for name in NAMES[number % 2 :: 2]:
            shutil.copy(tmp_path / "one.jpg", os.fsdecode(folder + b"/" + name))
    before = tree_of_bytes(tmp_path, out)
    result = augcli("generate", source, out, "-r", "cutmix", "--include-originals", "copy")
    assert result.returncode == 0
    alike, order = result.stderr.splitlines()
    assert alike == (
        "augcli: warning: the classes Case and case differ only in case or Unicode normal form;"
        " some file systems would hold their folders for one."
    )
    assert "some names of classes are percent-encoded in OUT/train" in order
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open(encoding="utf-8")]
    assert len(rows) == 2 * len(CLASSES) * len(NAMES) // 2
    read = {tuple(from_printable(row["source_paths"][0]).split(b"/")) for row in rows}
    assert read == {
        (class_name, name)
        for number, class_name in enumerate(CLASSES)
        for name in NAMES[number % 2 :: 2]
    }
    assert tree_of_bytes(tmp_path, out) == before, "nothing is written outside OUT"
    assert augcli("verify", out, "--replay").returncode == 0
    assert augcli("generate", out, tmp_path / "again", "-r", "mixup").returncode == 0


def tree_of_bytes(folder: Path, out: Path) -> list[bytes]:
    return sorted(
        os.fsencode(path)
        for path in folder.rglob("*")
        if out not in (path, *path.parents) and "cwd" not in path.parts
    )


def test_a_file_that_vanishes_or_is_cut_during_the_run(tmp_path: Path) -> None:
    """Planned, but gone when its turn comes: it costs itself."""
    source, out = tmp_path / "source", tmp_path / "out"
    for number in range(30):
        write_photo(source / "ab"[number % 2] / f"{number:02}.jpg", number, 40, 30)
    run = run_over(source, out)
    (source / "a" / "04.jpg").unlink()
    (source / "b" / "05.jpg").write_bytes(b"")
    (source / "a" / "06.jpg").unlink()
    (source / "a" / "06.jpg").mkdir()
    outcome = generate(run, source={"source": str(source)}, workers=2)
    assert (outcome.outputs, outcome.skipped) == (27, 3)
    errors = [json.loads(line) for line in (out / "errors.jsonl").open()]
    assert {error["source_path"]: error["reason"] for error in errors} == {
        "a/04.jpg": "the file cannot be read: No such file or directory",
        "b/05.jpg": "the file is empty",
        "a/06.jpg": "the file cannot be read: Is a directory",
    }


def test_a_source_that_no_read_ends_costs_itself(augcli: Augcli, tmp_path: Path) -> None:
    """A FIFO in the place of an image: nobody writes into it, and nobody waits for that."""
    source, out = tmp_path / "source", tmp_path / "out"
    for number in range(6):
        write_photo(source / "ab"[number % 2] / f"{number}.jpg", number, 40, 30)
    listed = [*map(str, sorted(source.glob("*/*.jpg"))), str(source / "a" / "stalled.jpg")]
    os.mkfifo(source / "a" / "stalled.jpg")
    result = augcli(
        "generate", "-", out, "-r", "cutmix", "--max-seconds", 250, "--json",
        stdin="\n".join(listed).encode(),
    )  # fmt: skip
    assert result.returncode == 1
    assert json.loads(result.stdout)["outputs"] == 6
    (error,) = [json.loads(line) for line in (out / "errors.jsonl").open()]
    assert error["source_path"].endswith("a/stalled.jpg")
    assert error["reason"] == "it is not a regular file"


def test_what_a_list_may_hold(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    """Devices without end, folders, sockets, empty files, wrong suffixes: each costs itself."""
    folder = tmp_path / "odd" / "ant"
    folder.mkdir(parents=True)
    (folder / "endless.jpg").symlink_to("/dev/zero")
    (folder / "folder.jpg").mkdir()
    (folder / "0.jpg").touch()
    (folder / "1.jpg").write_bytes(b"\xff")
    (folder / "text.jpg").write_text("no image")
    shutil.copy(photos / "bee" / "bee 4.png", folder / "png.jpg")
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(1 << 40)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s.jpg"))
        listed = [*sorted(map(str, photos.glob("*/*"))), *sorted(map(str, folder.iterdir()))]
        result = augcli(
            "generate", "-", tmp_path / "out", "-r", "cutmix", "--json", "--max-pixels", 100_000,
            "--memory", 16, stdin="\n".join(listed).encode(),
        )  # fmt: skip
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    errors = [json.loads(line) for line in (tmp_path / "out/errors.jsonl").open()]
    assert {Path(error["source_path"]).name: error["reason"] for error in errors} == {
        "endless.jpg": "it is not a regular file",
        "huge.jpg": "the file is larger than 64 MiB, the most for --max-pixels",
        "folder.jpg": "the file cannot be read: Is a directory",
        "0.jpg": "the file is empty",
        "1.jpg": "not an image in a format that is read",
        "text.jpg": "not an image in a format that is read",
        "s.jpg": "the file cannot be read: No such device or address",
    }
    assert json.loads(result.stdout)["outputs"] == 16


@pytest.mark.slow
def test_a_killed_holder_leaves_no_lock(augcli: Augcli, tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "augcli", "generate", str(photos), str(out), "-r", "cutmix"]
    holder = subprocess.Popen([*command, "-k", "2000", "-q", "-j", "2"], cwd=ROOT)
    while not list(out.glob(".augcli/train/*/*.jpg")):
        time.sleep(0.01)
    holder.kill()
    holder.wait()
    assert (out / ".augcli/holder.json").exists(), "the dead holder could not remove its name"
    result = augcli("generate", photos, out, "-r", "cutmix", "-k", 2000, "--resume", "--dry-run")
    assert result.returncode == 0, result.stderr
    result = augcli("generate", photos, out, "-r", "cutmix", "--overwrite", "--json")
    assert (result.returncode, json.loads(result.stdout)["outputs"]) == (0, 15)


@pytest.mark.slow
def test_a_signal_at_any_moment_leaves_one_line(tmp_path: Path, photos: Path) -> None:
    """Also while modules are imported and workers start: neither lost nor a traceback."""
    codes = []
    for number in range(14):
        out = tmp_path / str(number)
        command = [sys.executable, "-m", "augcli", "generate", str(photos), str(out)]
        process = subprocess.Popen(
            [*command, "-r", "saliencymix", "-k", "3000", "-q", "-j", "4"],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if number % 2:
            time.sleep(0.05 + 0.05 * number)
        else:
            while process.poll() is None and not (out / ".augcli/identity.json").exists():
                time.sleep(0.001)
            time.sleep(0.002 * number)
        process.terminate()
        _, said = process.communicate(timeout=60)
        codes.append(process.returncode)
        assert said.count("\n") <= 1, said
        assert "Traceback" not in said
    assert set(codes) <= {143, -15}
    assert codes.count(143) >= 7


def test_a_killed_parent_leaves_no_workers(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "augcli", "generate", str(photos), str(out)]
    parent = subprocess.Popen([*command, "-r", "cutmix", "-k", "3000", "-q", "-j", "3"], cwd=ROOT)
    while not list(out.glob(".augcli/train/*/*.jpg")):
        time.sleep(0.01)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    assert len(children) >= 1
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.02)
