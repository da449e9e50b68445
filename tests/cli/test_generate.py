"""augcli generate, as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, SAMPLE_DATA, Augcli, tree, write_photo
from tests.helpers.waiting import wait_until


def rows(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").read_text().splitlines()]


def test_layout_rows_and_summary(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = augcli("generate", photos, out, "--recipe", "cutmix", "--copies", 2, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    summary = json.loads(result.stdout)
    assert summary["outputs"] == 30
    assert summary["images"] == 15
    assert summary["skipped"] == 0
    assert sorted(p.name for p in out.iterdir()) == [
        ".augcli", "README.md", "classes.txt", "errors.jsonl", "run.json", "train",
    ]  # fmt: skip
    assert (out / "classes.txt").read_text() == "ant\nbee\ncow\n"
    assert (out / "errors.jsonl").read_text() == ""
    actual = rows(out)
    assert len(actual) == 30
    files = {p.relative_to(out / "train").as_posix() for p in (out / "train").glob("*/*")}
    assert files == {row["file_name"] for row in actual}
    for row in actual:
        with Image.open(out / "train" / str(row["file_name"])) as image:
            assert image.format == "JPEG"
            assert image.size == (row["width"], row["height"])
        with Image.open(photos / row["source_paths"][0]) as target:  # type: ignore[index]
            assert target.size == (row["width"], row["height"])
        ((top, left, bottom, right),) = row["boxes"]  # type: ignore[misc]
        share = (bottom - top) * (right - left) / (row["width"] * row["height"])  # type: ignore[has-type,operator]
        assert row["lam"] == 1 - share
        dense = [0.0] * 3
        for path, weight in zip(row["source_paths"], (1 - share, 1 - (1 - share)), strict=True):  # type: ignore[call-overload]
            dense[["ant", "bee", "cow"].index(path.split("/")[0])] += weight
        assert row["soft_label"] == pytest.approx(dense, abs=1e-12)
        assert row["label"] == int(np.argmax(dense)) or dense.count(max(dense)) > 1
        assert str(row["file_name"]).split("/")[0] == row["class_name"]


@pytest.mark.parametrize("recipe", ["saliencymix", "cutmix", "mixup", "cutout"])
def test_bytes_do_not_depend_on_the_workers(augcli: Augcli, tmp_path: Path, recipe: str) -> None:
    trees = []
    for workers in (1, 2, 8):
        out = tmp_path / f"out{workers}"
        result = augcli("generate", SAMPLE_DATA, out, "-r", recipe, "-j", workers, "-k", 2)
        assert result.returncode == 0, result.stderr
        trees.append(tree(out / "train"))
    assert len(trees[0]) == 61
    assert trees[0] == trees[1] == trees[2]


def test_seed_and_options_change_the_bytes(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    seen = set()
    for number, extra in enumerate([(), ("--seed", 1), ("--set", "alpha=0.3")]):
        out = tmp_path / f"out{number}"
        assert augcli("generate", photos, out, "-r", "cutmix", *extra).returncode == 0
        seen.add(frozenset(tree(out / "train").values()))
    assert len(seen) == 3


def test_killed_runs_resume_to_the_same_bytes(augcli: Augcli, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(400):
        write_photo(source / f"c{number % 5}" / f"{number}.jpg", number, 160, 120)
    calm, out = tmp_path / "calm", tmp_path / "out"
    assert augcli("generate", source, calm, "-r", "cutmix", "-k", 3, "--quiet").returncode == 0
    command = [sys.executable, "-m", "augcli", "generate", str(source), str(out)]
    command += ["-r", "cutmix", "-k", "3", "--quiet", "--resume"]
    kills = 0
    for number in range(40):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        parts = len(list((out / ".augcli/parts").glob("*.rows"))) if out.exists() else 0
        while process.poll() is None:  # the run ends by itself
            now = list((out / ".augcli/parts").glob("*.rows")) if out.exists() else []
            if len(now) >= parts + 3 + number % 3:
                process.send_signal((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[number % 3])
                kills += 1
                break
            time.sleep(0.002)
        if process.wait(timeout=120) == 0:
            break
        assert not (out / "train").exists() or (out / "run.json").exists()
    assert kills >= 3
    assert process.returncode == 0
    assert tree(out / "train") == tree(calm / "train")
    assert (out / "errors.jsonl").read_bytes() == (calm / "errors.jsonl").read_bytes()
    again = augcli("generate", source, out, "-r", "cutmix", "-k", 3, "--resume", "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["outputs"] == 1200


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_one_line_and_their_code(
    tmp_path: Path, photos: Path, signum: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "augcli", "generate", str(photos), str(out)]
    command += ["-r", "cutmix", "-k", "3000"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: list(out.glob(".augcli/train/*/*.jpg")), "no image was written")
    process.send_signal(signum)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == code
    assert stderr == (
        f"augcli: stopped by {signum.name}; give the same command with --resume to go on.\n"
    )


def test_a_resume_must_be_of_the_same_run(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert augcli("generate", photos, out, "-r", "cutmix").returncode == 0
    before = tree(out)
    for extra, word in [
        (("--seed", 3), "--seed 0 (now 3)"),
        (("--set", "alpha=2"), "cutmix alpha 1.0 (now 2.0)"),
        (("--quality", 90), "--quality 95 (now 90)"),
    ]:
        result = augcli("generate", photos, out, "-r", "cutmix", "--resume", *extra)
        assert result.returncode == 2
        assert f"was begun with {word}; resume with the same" in result.stderr
    write_photo(photos / "ant" / "new.jpg", 99, 30, 30)
    result = augcli("generate", photos, out, "-r", "cutmix", "--resume")
    assert (result.returncode, result.stderr) == (
        2,
        f"augcli: OUT {out} was begun with other files in SOURCE: 1 file added (ant/new.jpg);"
        " resume with the same, or give --overwrite to start anew.\n",
    )
    assert tree(out) == before


@pytest.mark.parametrize("file", ["run.json", ".augcli/identity.json"])
@pytest.mark.parametrize("text", ["", "{", "[1]", '{"counts": 3}'])
def test_a_damaged_record_is_one_sentence(
    augcli: Augcli, photos: Path, tmp_path: Path, file: str, text: str
) -> None:
    out = tmp_path / "out"
    assert augcli("generate", photos, out, "-r", "cutmix").returncode == 0
    (out / file).write_text(text)
    result = augcli("generate", photos, out, "-r", "cutmix", "--resume")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    if file == "run.json":  # which may be somebody's own
        result = augcli("generate", photos, out, "-r", "cutmix", "--overwrite")
        assert result.returncode == 2
        assert "run.json was not written by the run in OUT; move it away" in result.stderr
        (out / file).unlink()  # and then nothing proves what is there
        result = augcli("generate", photos, out, "-r", "cutmix", "--overwrite")
        assert result.returncode == 2
        assert "train was not written by the run in OUT; move it away" in result.stderr
        return
    assert augcli("generate", photos, out, "-r", "cutmix", "--overwrite").returncode == 0


def test_overwrite_replaces_runs_and_nothing_else(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert augcli("generate", photos, out, "-r", "cutmix").returncode == 0
    result = augcli("generate", photos, out, "-r", "mixup")
    assert result.returncode == 2
    assert result.stderr == (
        f"augcli: OUT {out} holds a finished run of recipe cutmix, with 15 images; choose another"
        " OUT, or give --overwrite to replace it.\n"
    )
    (out / "notes.txt").write_text("mine")
    assert augcli("generate", photos, out, "-r", "mixup", "--overwrite").returncode == 0
    assert {row["recipe"] for row in rows(out)} == {"mixup"}
    assert (out / "notes.txt").read_text() == "mine"
    foreign = tmp_path / "foreign"
    (foreign / "train").mkdir(parents=True)
    result = augcli("generate", photos, foreign, "-r", "mixup", "--overwrite")
    assert result.returncode == 2
    assert "holds train, and no run; " in result.stderr


def test_one_bad_file_costs_one_file(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    (photos / "bee" / "bad.jpg").write_bytes(b"not a JPEG")
    (photos / "cow" / "cut.jpg").write_bytes((photos / "cow" / "cow 0.jpg").read_bytes()[:-40])
    out = tmp_path / "out"
    result = augcli("generate", photos, out, "-r", "cutmix", "-k", 2, "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["skipped"] == 2
    errors = [json.loads(line) for line in (out / "errors.jsonl").read_text().splitlines()]
    assert {e["source_path"]: e["reason"] for e in errors} == {
        "bee/bad.jpg": "not an image in a format that is read",
        "cow/cut.jpg": "the JPEG data is truncated",
    }
    assert len(rows(out)) == 30
    assert augcli("verify", out, "--replay").returncode == 0
    lenient = tmp_path / "lenient"
    result = augcli("generate", photos, lenient, "-r", "cutmix", "--max-errors", 2)
    assert (result.returncode, "2 inputs skipped" in result.stdout) == (0, True)


def test_size_format_and_originals(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--size", "32x24", "--format", "png", "--fit", "contain")
    result = augcli("generate", photos, out, "-r", "mixup", *options, "--include-originals", "copy")
    assert result.returncode == 0, result.stderr
    actual = rows(out)
    originals = [row for row in actual if row["view"] == "orig"]
    assert len(actual) == 30
    assert len(originals) == 15
    for row in originals:
        path = out / "train" / str(row["file_name"])
        source = photos / row["source_paths"][0]  # type: ignore[index]
        assert path.read_bytes() == source.read_bytes()
        assert row["label_weights"] == [1.0]
    for row in actual:
        if row["view"] != "orig":
            with Image.open(out / "train" / str(row["file_name"])) as image:
                assert (image.format, image.size) == ("PNG", (32, 24))
    linked = tmp_path / "linked"
    result = augcli("generate", photos, linked, "-r", "mixup", "--include-originals", "link")
    assert result.returncode == 0, result.stderr
    assert (photos / "ant" / "ant 0.jpg").stat().st_nlink == 2
    for folder in (out, linked):
        assert augcli("verify", folder, "--replay").returncode == 0


def test_per_class_and_pair(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = augcli(
        "generate", photos, out, "-r", "cutmix", "--per-class", 7, "--pair", "different-class"
    )
    assert result.returncode == 0, result.stderr
    targets = [row["source_paths"][0].split("/")[0] for row in rows(out)]  # type: ignore[index]
    assert {name: targets.count(name) for name in set(targets)} == {"ant": 7, "bee": 7, "cow": 7}
    assert all(
        len({path.split("/")[0] for path in row["source_paths"]}) == 2  # type: ignore[attr-defined]
        for row in rows(out)
    )


@pytest.mark.parametrize("separator", ["\0", "\n"])
def test_paths_on_standard_input(
    augcli: Augcli, photos: Path, tmp_path: Path, separator: str
) -> None:
    listed = sorted(str(path.relative_to(tmp_path)) for path in photos.glob("*/*.jpg"))
    out = tmp_path / "out"
    result = augcli(
        "generate", "-", out, "-r", "cutmix", "--labels-from", "parent", "--json",
        cwd=tmp_path, stdin=separator.join(listed).encode(),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["images"] == 12
    assert {row["class_name"] for row in rows(out)} <= {"ant", "bee", "cow"}
    assert all(str(row["source_paths"][0]).startswith("photos/") for row in rows(out))  # type: ignore[index]
    assert augcli("verify", out, "--replay").returncode == 0


def test_dry_run_writes_nothing(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = augcli("generate", photos, out, "-r", "cutmix", "-k", 3, "--dry-run", "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["outputs"] == 45
    assert not out.exists()


def test_closed_stdout_is_no_error_message(photos: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m augcli generate {photos} {tmp_path / 'out'} -r cutmix --json"
    result = subprocess.run(
        ["bash", "-c", f"{command} | head -c 0; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (141, "")
    assert (tmp_path / "out/train/metadata.jsonl").exists()


def test_quiet_prints_nothing_and_progress_is_for_terminals(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    result = augcli("generate", photos, tmp_path / "a", "-r", "cutmix", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")
    result = augcli("generate", photos, tmp_path / "b", "-r", "cutmix")
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    result = augcli("generate", photos, tmp_path / "c", "-r", "cutmix", "--progress", "always")
    assert "15/15" in result.stderr


def test_two_runs_cannot_share_out(augcli: Augcli, tmp_path: Path) -> None:
    photos, out = tmp_path / "large", tmp_path / "out"
    for number in range(6):
        write_photo(photos / "ab"[number % 2] / f"{number}.jpg", number, 1400, 1000)
    command = [sys.executable, "-m", "augcli", "generate", str(photos), str(out)]
    command += ["-r", "cutmix", "-k", "2000", "-q"]
    first = subprocess.Popen(command, cwd=ROOT)
    wait_until(lambda: list(out.glob(".augcli/train/*/*.jpg")), "no image was written")
    second = augcli("generate", photos, out, "-r", "cutmix", "-k", 2000, "--resume")
    os.kill(first.pid, signal.SIGTERM)
    first.wait(timeout=120)
    assert second.returncode == 2
    assert f"is in use by process {first.pid} on " in second.stderr


def test_damaged_data_inside_a_whole_file_is_no_noise(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    """libjpeg would write its own remarks to stderr, and decodes what it can, as loaders do."""
    photo = photos / "ant" / "ant 0.jpg"
    data = bytearray(photo.read_bytes())
    for at in range(len(data) - 300, len(data) - 60, 7):
        data[at] = 0x5A
    photo.write_bytes(data)
    result = augcli("generate", photos, tmp_path / "out", "-r", "cutmix", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["outputs"] == 15
    for command in (
        ("preview", photos, "-r", "cutmix", "-n", 15, "--to", tmp_path / "sheet.png"),
        ("verify", tmp_path / "out", "--replay"),
    ):
        result = augcli(*command)
        assert (result.returncode, result.stderr) == (0, "")
