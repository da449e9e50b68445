"""A way to call `augcli saliency` in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from augcli.cli.saliency import saliency
from augcli.errors import RunFailed, UserError

Run = Callable[..., Result]


@pytest.fixture
def augcli_saliency(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`augcli saliency ...`, in this process, with a cache of its own; a UserError is raised."""
    monkeypatch.setenv("AUGCLI_SALIENCY_CACHE", str(tmp_path / "cache"))
    app = typer.Typer()
    app.command()(saliency)

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [*map(str, arguments)])
        if isinstance(result.exception, UserError | RunFailed):
            raise result.exception
        return result

    return run


def rows(out: Path, name: str = "maps.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).read_text().splitlines()]
