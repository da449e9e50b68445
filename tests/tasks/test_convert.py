"""One form turned into another: the same images and rows, as a run of that form leaves them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from augcli.enums import Originals, OtherSplits, OutputFormat
from augcli.errors import RunFailed, UserError
from augcli.manifest.verify import verify
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.augmix import AugMix
from augcli.tasks import convert as module
from augcli.tasks.convert import Converted, convert
from augcli.tasks.repair import repair
from augcli.tasks.replay import replay
from tests.conftest import ROOT, Augcli, tree, write_photo
from tests.helpers.runs import generate, run_over, runtime_of, with_options

FOLDER, PACKED = OutputFormat.folder, OutputFormat.webdataset


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source with a split and a damaged image, `folder` and `packed` made of it."""
    place = tmp_path_factory.mktemp("made")
    for number in range(30):
        write_photo(place / "source/train" / "ab"[number % 2] / f"{number}.jpg", number, 16, 12)
    for number in range(3):
        write_photo(place / "source/val" / "ab"[number % 2] / f"{number}.png", number + 50, 9, 12)
    (place / "source/train/a/4.jpg").write_bytes(b"no image")
    (place / "source/val/a/0.png").write_bytes(b"no image")
    make(place, "folder")
    make(place, "packed", sink="webdataset", shard_size="10")
    return place


def make(place: Path, name: str, **options: Any) -> Path:
    usual = {"include_originals": Originals.copy, "other_splits": OtherSplits.copy}
    run = run_over(place / "source", place / name, **usual | options)
    generate(run, source={"source": str(place / "source")})
    return place / name


def record_of(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((out / "run.json").read_text())
    return record


def but_the_record(out: Path) -> dict[str, str]:
    others = ("run.json", ".augcli/timings.json")
    return {name: one for name, one in tree(out).items() if name not in others}


def test_there_and_back(made: Path, tmp_path: Path) -> None:
    packed, folder = tmp_path / "packed", tmp_path / "folder"
    assert convert(made / "folder", packed, PACKED, "10") == Converted(58, {"val": 2})
    assert convert(packed, folder, FOLDER) == Converted(58, {"val": 2})
    assert tree(folder) == tree(made / "folder"), "all files, also those that a run keeps"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "packed"]


def test_as_generate_makes_it(made: Path, tmp_path: Path) -> None:
    convert(made / "folder", tmp_path / "packed", PACKED, "10")
    assert but_the_record(tmp_path / "packed") == but_the_record(made / "packed")
    record, own = record_of(tmp_path / "packed"), record_of(made / "packed")
    assert (record, list(record)) == (own, list(own))
    convert(made / "packed", tmp_path / "folder", FOLDER)
    assert but_the_record(tmp_path / "folder") == but_the_record(made / "folder")
    record, own = record_of(tmp_path / "folder"), record_of(made / "folder")
    assert (record, list(record)) == (own, list(own))


def test_what_is_done_with_a_run_is_done_with_it(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "packed"
    convert(made / "folder", out, PACKED, "10")
    assert verify(out).faults == []
    assert list(replay(runtime_of(out))) == []
    (out / "train/train-000001.tar").unlink()
    assert repair(runtime_of(out), verify(out).wrong).faults == []
    assert but_the_record(out) == but_the_record(made / "packed")
    options = {"include_originals": Originals.copy, "other_splits": OtherSplits.copy}
    run = run_over(made / "source", out, sink="webdataset", shard_size="10", **options)
    assert generate(run, source={"source": str(made / "source")}, resume=True).was_complete
    other = with_options(run, shard_size="11")
    generate(other, source={"source": str(made / "source")}, overwrite=True)
    assert verify(out).faults == []


def test_archives_of_another_size(made: Path, tmp_path: Path) -> None:
    convert(made / "packed", tmp_path / "other", PACKED)
    assert [path.name for path in (tmp_path / "other/train").glob("*.tar")] == ["train-000000.tar"]
    convert(tmp_path / "other", tmp_path / "again", PACKED, "10")
    assert but_the_record(tmp_path / "again") == but_the_record(made / "packed")


def test_links_become_copies(made: Path, tmp_path: Path) -> None:
    run = run_over(made / "source", tmp_path / "linked", include_originals=Originals.link,
                   other_splits=OtherSplits.link)  # fmt: skip
    generate(run, source={"source": str(made / "source")})
    convert(tmp_path / "linked", tmp_path / "packed", PACKED, "10")
    assert but_the_record(tmp_path / "packed") == but_the_record(made / "packed")
    assert record_of(tmp_path / "packed") == record_of(made / "packed")
    assert verify(tmp_path / "packed").faults == []


def test_groups_of_views_are_not_divided(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augcli.data.source import list_source
    from tests.helpers.runs import make_run

    pipeline = Pipeline("augmix", (Step(AugMix(views=2)),))
    several: dict[str, dict[str, Any]] = {
        "folder": {},
        "packed": {"sink": "webdataset", "shard_size": "10"},
    }
    for name, options in several.items():
        run = make_run(
            list_source(made / "source"), pipeline, tmp_path / name / ".augcli", **options
        )
        generate(run, source={"source": str(made / "source")})
    monkeypatch.setattr(module, "_TOGETHER", 4)
    convert(tmp_path / "folder", tmp_path / "other", PACKED, "10")
    assert but_the_record(tmp_path / "other") == but_the_record(tmp_path / "packed")


def test_an_image_that_is_another(made: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(made / "folder", tmp_path / "out"))
    image = next(out.glob("train/b/*.jpg"))
    image.write_bytes(b"another")
    with pytest.raises(RunFailed, match=rf"{image.name}: its sha256 is not its row's; `augcli ver"):
        convert(out, tmp_path / "other", PACKED)
    image.unlink()
    with pytest.raises(RunFailed, match=rf"{image.name}: it is missing; .* --repair` makes it ag"):
        convert(out, tmp_path / "other", PACKED)
    assert not (tmp_path / "other").exists()
    repair(runtime_of(out), verify(out).wrong)
    convert(out, tmp_path / "other", PACKED, "10")
    assert but_the_record(tmp_path / "other") == but_the_record(made / "packed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]


@pytest.mark.parametrize("name", ["train/metadata.jsonl", "val/metadata.jsonl", "classes.txt"])
def test_records_that_are_not_as_they_were(made: Path, tmp_path: Path, name: str) -> None:
    out = Path(shutil.copytree(made / "packed", tmp_path / "out"))
    (out / name).write_bytes((out / name).read_bytes()[:-1] + b" \n")
    with pytest.raises(UserError, match=r"are not as its run published them; `augcli verify"):
        convert(out, tmp_path / "other", FOLDER)


def test_a_place_that_is_none(made: Path, tmp_path: Path) -> None:
    out, other = made / "packed", tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("x")
    for place, sentence in [
        (other, f"OTHER {other} is not empty; choose an empty folder, or a new one."),
        (other / "mine", f"OTHER {other}/mine is a file; give a folder."),
        (out / "inner", f"OTHER {out}/inner and OUT {out} lie one inside the other; choose an OUT"
                        " elsewhere."),
    ]:  # fmt: skip
        with pytest.raises(UserError) as error:
            convert(out, place, FOLDER)
        assert str(error.value) == sentence
    (other / "mine").unlink()
    beside = tmp_path / ".other.augcli-convert"
    beside.mkdir()
    (beside / "mine").write_text("x")
    with pytest.raises(UserError, match=r"mine is nothing that augcli writes there; move it away"):
        convert(out, other, FOLDER)
    assert (beside / "mine").read_text() == "x"
    (beside / "mine").unlink()
    convert(out, other, FOLDER)
    assert but_the_record(other) == but_the_record(made / "folder")


def test_kills_leave_nothing_in_the_place_of_the_other(tmp_path: Path) -> None:
    """SIGKILL at four moments; then the same command comes to the end."""
    for number in range(200):
        write_photo(tmp_path / "source" / "ab"[number % 2] / f"{number}.jpg", number, 32, 32)
    for name, options in [("folder", {}), ("packed", {"sink": "webdataset", "shard_size": "300"})]:
        run = run_over(tmp_path / "source", tmp_path / name, copies=8, **options)
        generate(run, source={"source": str(tmp_path / "source")})
    other = tmp_path / "other"
    command = [sys.executable, "-m", "augcli", "convert", str(tmp_path / "packed"), str(other),
               "--output-format", "folder", "-q"]  # fmt: skip
    kills = 0
    for wait in (0.0, 0.03, 0.06, 0.1):
        process = subprocess.Popen(command, cwd=ROOT)
        deadline = time.monotonic() + 60
        while process.poll() is None and not list(
            tmp_path.glob(".other.augcli-convert/.augcli/train/*/*.jpg")
        ):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(wait)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait(timeout=60)
        if other.exists():
            assert but_the_record(other) == but_the_record(tmp_path / "folder")
            shutil.rmtree(other)
    assert kills >= 2
    subprocess.run(command, cwd=ROOT, check=True, timeout=100)
    assert but_the_record(other) == but_the_record(tmp_path / "folder")
    assert not list(tmp_path.glob(".other*"))


def test_the_command(augcli: Augcli, made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    result = augcli("convert", made / "folder", other)
    assert (result.returncode, result.stderr) == (
        2, "augcli: --output-format is missing; give it with folder or webdataset, which OTHER is"
        " to be.\n",
    )  # fmt: skip
    options = ["--output-format", "webdataset", "--shard-size", "10"]
    result = augcli("convert", made / "folder", other, *options, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "out": str(made / "folder"), "other": str(other), "output_format": "webdataset",
        "outputs": 58, "splits": {"val": 2},
    }  # fmt: skip
    result = augcli("convert", other, tmp_path / "back", "--output-format", "folder")
    assert result.stdout == (
        f"58 images of {other} in {tmp_path / 'back'}, as folder; beside it 2 of val.\n"
    )
    result = augcli("convert", made / "source", other, "--output-format", "folder")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"augcli: OUT {made / 'source'} holds ")
