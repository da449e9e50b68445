"""What a resumed run compares: an older record may lack an option, which then had its default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.engine.job import Job, identity
from augcli.engine.plan import Run
from augcli.enums import Existing
from augcli.errors import UserError
from augcli.store.journal import begin
from augcli.store.layout import IDENTITY
from tests.helpers.runs import run_over


class LaterJob(Job):
    """As of a version with an option more."""

    later: int = 7


def begin_again(run: Run, out: Path, job: Job) -> bool:
    return begin(out, identity(job, run.listing), run.listing, Existing.resume)


@pytest.fixture
def begun(photos: Path, tmp_path: Path) -> Run:
    run = run_over(photos, tmp_path / "out", copies=3)
    run.runtime.state.mkdir(parents=True)
    assert not begin_again(run, tmp_path / "out", run.job)
    return run


def test_an_option_that_a_record_lacks_had_its_default(
    begun: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augcli.engine.job.Job", LaterJob)
    values = begun.job.model_dump()
    assert begin_again(begun, tmp_path / "out", LaterJob(**values))
    with pytest.raises(UserError, match=r"begun with --later 7 \(now 8\);"):
        begin_again(begun, tmp_path / "out", LaterJob(**values, later=8))


def test_a_record_that_lacks_what_every_record_has_is_no_match(begun: Run, tmp_path: Path) -> None:
    file = begun.runtime.state / IDENTITY
    summary = json.loads(file.read_text())
    del summary["fit"]
    file.write_text(json.dumps(summary))
    with pytest.raises(UserError, match="is damaged, or no run's; choose another OUT"):
        begin_again(begun, tmp_path / "out", begun.job)
