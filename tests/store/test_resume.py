"""What a resumed run compares: an older record may lack an option, which then had its default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.engine.plan import Run
from augcli.errors import UserError
from augcli.store.journal import begin, identity
from augcli.store.layout import IDENTITY
from tests.helpers.runs import run_over


@pytest.fixture
def begun(photos: Path, tmp_path: Path) -> Run:
    run = run_over(photos, tmp_path / "out", copies=3)
    run.state.mkdir(parents=True)
    assert not begin(run, tmp_path / "out", resume=True, overwrite=False)
    return run


def with_more(monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
    """Runs have more options than they had; `later` is 7 by default, as a later version has it."""

    def later(run: Run) -> dict[str, object]:
        return identity(run) | {"later": more.get("later", 7) if run.copies == 3 else 7}

    monkeypatch.setattr("augcli.store.journal.identity", later)


def test_an_option_that_a_record_lacks_had_its_default(
    begun: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_more(monkeypatch)
    assert begin(begun, tmp_path / "out", resume=True, overwrite=False)
    with_more(monkeypatch, later=8)
    with pytest.raises(UserError, match=r"begun with --later 7 \(now 8\);"):
        begin(begun, tmp_path / "out", resume=True, overwrite=False)


def test_a_record_that_lacks_what_every_record_has_is_no_match(begun: Run, tmp_path: Path) -> None:
    file = begun.state / IDENTITY
    told = json.loads(file.read_text())
    del told["fit"]
    file.write_text(json.dumps(told))
    with pytest.raises(UserError, match="is damaged, or no run's; choose another OUT"):
        begin(begun, tmp_path / "out", resume=True, overwrite=False)
