"""The blocks of the README's chapter "From Python" run as they stand there."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import augcli
from tests.conftest import ROOT, SAMPLE_DATA

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "sample_data").symlink_to(SAMPLE_DATA)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", augcli.AugcliWarning)
        for block in BLOCKS:
            with contextlib.redirect_stdout(io.StringIO()) as text:
                exec(block, names)
            printed.append(text.getvalue())
    made, manifest, arrays, triplets, checks = printed
    assert made == "60 0 ()\n"
    assert manifest.startswith("60 ('cat', 'coffee', 'flower', 'rocket', 'temple') ['")
    assert manifest.endswith("(60, 5) 50 10\n")
    assert arrays.startswith("(64, 64, 3) [")
    assert len(triplets.splitlines()) == 30
    width, height = names["sheet"].size
    assert checks == f"({width}, {height})\n"
    assert names["checked"].replayed == 5
