"""Tars by the command, replaced runs, and other formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from augcli.engine.plan import Run
from augcli.enums import Format
from augcli.errors import RunFailed
from tests.conftest import Augcli, write_photo
from tests.helpers.runs import generate, run_over, with_options
from tests.helpers.tar_runs import archives_in, check_same, make, published


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


class TestCommand:
    """`augcli generate ... --output-format webdataset`."""

    def test_it_makes_tars(self, augcli: Augcli, source: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        result = augcli("generate", source, out, "-r", "cutmix", "--output-format", "webdataset",
                        "--shard-size", "20", "--json")  # fmt: skip
        assert result.returncode == 1, "an input was skipped"
        assert json.loads(result.stdout)["outputs"] == 39
        assert archives_in(out / "train") == ["train-000000.tar", "train-000001.tar"]
        assert archives_in(out / "val") == ["val-000000.tar"], "copies, as tars hold no links"
        record = json.loads((out / "run.json").read_text())
        assert (record["other_splits"], record["shard_size"]) == ("copy", "20")

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ("--shard-size 20", "--shard-size has no effect unless outputs are kept in tars; add"
             " --output-format webdataset, or leave it out."),
            ("--output-format folder --shard-size 1G", "--shard-size has no effect unless outputs"
             " are kept in tars; add --output-format webdataset, or leave it out."),
            ("--output-format webdataset --include-originals link", "--include-originals link"
             " cannot link into the tars of --output-format webdataset; give --include-originals"
             " copy."),
            ("--output-format webdataset --other-splits link", "--other-splits has no effect as"
             " link with --output-format webdataset, whose tars hold copies; give --other-splits"
             " copy."),
            ("--output-format webdataset --shard-size 0", "--shard-size 0 is no number of samples;"
             " give 1 to 10000000000."),
            ("--output-format webdataset --shard-size many", "--shard-size many is no size; write"
             " bytes like 500M or 1GB, or a number of samples like 10000."),
            ("--output-format webdataset --shard-size 1K", "--shard-size 1K is less than 10240"
             " bytes, which an archive of one small image has; give more."),
        ],
    )  # fmt: skip
    def test_what_is_refused(
        self, augcli: Augcli, source: Path, tmp_path: Path, options: str, sentence: str
    ) -> None:
        result = augcli(
            "generate", source, tmp_path / "out", "-r", "cutmix", *options.split(), "-q"
        )
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"augcli: {sentence}\n"
        assert not (tmp_path / "out").exists()

    def test_another_size_is_another_run(
        self, augcli: Augcli, source: Path, tmp_path: Path
    ) -> None:
        command = ["generate", source, tmp_path / "out", "-r", "flip", "--max-errors", "1", "-q",
                   "--output-format", "webdataset"]  # fmt: skip
        assert augcli(*command, "--shard-size", "0.5GB").returncode == 0
        assert augcli(*command, "--shard-size", "512 MiB", "--resume").returncode == 0
        result = augcli(*command, "--resume")
        assert result.returncode == 2
        assert "was begun with --shard-size 512M (now none); resume with" in result.stderr
        result = augcli(*command[:-2], "--resume")
        assert "--output-format webdataset (now folder), --shard-size 512M (now" in result.stderr
        assert augcli(*command, "--overwrite").returncode == 0
        assert archives_in(tmp_path / "out/train") == ["train-000000.tar"]


def test_options_of_a_run_do_not_change_its_images(source: Path, tmp_path: Path) -> None:
    run = run_over(source, tmp_path / "out")
    other = with_options(run, sink="webdataset", shard_size="7")
    assert other.job.digest == run.job.digest
    assert "shard_size" not in run.job.to_json()


def test_an_unfinished_run_is_replaced(source: Path, tmp_path: Path) -> None:
    from augcli.engine.job import identity
    from augcli.engine.shard import run_shard
    from augcli.enums import Existing
    from augcli.store.journal import begin
    from augcli.store.lock import holding

    run = run_over(source, tmp_path / "out", sink="webdataset")
    now = identity(run.job, run.listing)
    with holding(tmp_path / "out"):
        begin(tmp_path / "out", now, run.listing, Existing.refuse)
    run.sink.begin(run.runtime.place, now, resumed=False)
    run_shard(run, next(run.plan.shards()))
    (run.runtime.state / "train/train-000000.tar").write_bytes(b"of a run that was killed")
    plain = run_over(source, tmp_path / "out")
    generate(plain, source={"source": str(source)}, overwrite=True)
    assert not list((tmp_path / "out").rglob("*.tar"))
    check_folder = make(run_over(source, tmp_path / "calm"))
    assert published(tmp_path / "out") == published(check_folder)


@pytest.mark.parametrize("name", [".augcli/train/mine.tar", ".augcli/train/a/1.jpg"])
def test_what_appears_while_a_run_ends_is_not_published(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from augcli.tasks import generate as module

    usual, out = module._make_shards, tmp_path / "out"

    def and_more(run: Run, on_report: Any) -> int:
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"somebody's")
        return usual(run, on_report)

    monkeypatch.setattr(module, "_make_shards", and_more)
    with pytest.raises(RunFailed, match=r"appeared while the run went on and is not its own"):
        make(run_over(source, out, sink="webdataset"))
    assert (out / name).read_bytes() == b"somebody's"
    assert not (out / "train").exists()


@pytest.mark.parametrize("written", [Format.png, Format.webp])
def test_other_formats(source: Path, tmp_path: Path, written: Format) -> None:
    plain = make(run_over(source, tmp_path / "plain", format=written))
    out = make(run_over(source, tmp_path / "out", sink="webdataset", format=written))
    rows = check_same(plain, out)
    assert {Path(row["file_name"]).suffix for row in rows} == {f".{written}"}
