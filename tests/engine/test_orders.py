"""Runs of more copies than are made with one shuffling of the data set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.engine.shard import run_shard
from augcli.enums import Originals
from augcli.store.staged import prepare_state
from tests.conftest import Augcli, tree, write_photo
from tests.helpers.runs import run_over


@pytest.fixture
def forty(tmp_path: Path) -> Path:
    for number in range(40):
        write_photo(tmp_path / "forty" / "abcd"[number % 4] / f"{number}.jpg", number, 24, 20)
    return tmp_path / "forty"


@pytest.mark.parametrize(("copies", "decodes"), [(1, 1), (4, 1), (5, 2), (20, 5)])
def test_each_shuffling_decodes_an_image_once(
    copies: int, decodes: int, forty: Path, tmp_path: Path
) -> None:
    run = run_over(forty, tmp_path, copies=copies, include_originals=Originals.copy)
    prepare_state(run.runtime.state)
    reports = [run_shard(run, shard) for shard in run.plan.shards()]
    assert sum(report.outputs for report in reports) == 40 * (copies + 1)
    assert sum(report.decodes for report in reports) == 40 * decodes


def test_an_unreadable_input_is_listed_once(augcli: Augcli, forty: Path, tmp_path: Path) -> None:
    (forty / "a/0.jpg").write_bytes(b"none")
    options = ("--recipe", "cutmix", "--copies", 9, "--max-errors", 1)
    result = augcli("generate", forty, tmp_path / "one", *options, "--workers", 1)
    assert result.returncode == 0, result.stderr
    assert "1 input skipped" in result.stdout
    lines = (tmp_path / "one/errors.jsonl").read_text().splitlines()
    assert [json.loads(line)["source_path"] for line in lines] == ["a/0.jpg"]
    summary = json.loads((tmp_path / "one/run.json").read_text())
    assert (summary["counts"]["outputs"], summary["counts"]["skipped"]) == (39 * 9, 1)

    assert augcli("generate", forty, tmp_path / "two", *options, "--workers", 2).returncode == 0
    whole = tree(tmp_path / "one/train")
    assert tree(tmp_path / "two/train") == whole
    manifest = tmp_path / "two/train/metadata.jsonl"
    rows = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(rows[:100] + rows[102:]))
    (tmp_path / "two/train" / json.loads(rows[-1])["file_name"]).unlink()
    assert augcli("verify", tmp_path / "two").returncode == 1
    repaired = augcli("verify", tmp_path / "two", "--repair")
    assert tree(tmp_path / "two/train") == whole, repaired.stderr
    assert augcli("verify", tmp_path / "two", "--replay").returncode == 0
