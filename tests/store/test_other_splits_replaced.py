"""Runs with other splits in OUT are removed and replaced: whole, or another --overwrite goes on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from augcli.enums import OtherSplits
from augcli.errors import UserError
from augcli.manifest.verify import verify
from augcli.store.layout import STATE
from augcli.store.removal import remove_run
from tests.conftest import tree
from tests.helpers.split_runs import make, rows
from tests.store.test_other_splits import source

__all__ = ["source"]  # a fixture


@pytest.mark.parametrize("step", [0, 5, 21, 34, 43, 46, 49, 55])
def test_a_removal_that_stops(
    source: Path, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of it is a run's, and another --overwrite goes on with it."""

    class Stop(Exception):
        pass

    out = make(source, tmp_path / "out")
    expected = {split: tree(out / split) for split in ("train", "val", "test")}
    calls, usual = iter(range(1000)), os.unlink

    def unlink(*arguments: Any, **options: Any) -> None:
        if next(calls) == step:
            raise Stop
        usual(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", unlink)
        with pytest.raises(Stop):
            remove_run(out)
    make(source, out, **{("resume", "overwrite")[step % 2]: True})
    assert {split: tree(out / split) for split in expected} == expected
    assert verify(out).total == 0
    assert sorted(path.name for path in (out / STATE).iterdir()) == [
        "identity.json",
        "lock",
        "sources",
        "timings.json",
    ]


def test_a_folder_of_somebody_is_refused_before_anything_is_removed(
    source: Path, tmp_path: Path
) -> None:
    out = make(source, tmp_path / "out", other_splits=OtherSplits.none)
    shutil.copytree(source / "val", out / "val")
    before = tree(out)
    with pytest.raises(UserError, match="out/val is not of the run in OUT, and stands where a spl"):
        make(source, out, copies=3, overwrite=True)
    assert tree(out) == before
    (out / "val").rename(tmp_path / "own")
    (out / "val").mkdir()  # an empty one is nobody's
    assert len(rows(make(source, out, copies=3, overwrite=True) / "val")) == 8


def test_a_run_whose_record_has_two_names_is_replaced(source: Path, tmp_path: Path) -> None:
    """As a publication leaves it that is killed between the link and the unlink of its record."""
    out = make(source, tmp_path / "out")
    os.link(out / "run.json", out / STATE / "run.json")
    make(source, out, copies=3, overwrite=True)
    assert len(rows(out / "train")) == 60
    assert verify(out).total == 0
