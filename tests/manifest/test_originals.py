"""What generate has just copied, verify calls whole: both read it by one code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Augcli

pytest.importorskip("augcli.image.exif", reason="one reading of EXIF")

CASES = ROOT / "tests" / "image" / "cases"
SHARED = ROOT.parent / "shared"
FOLDERS = [CASES, SHARED / "images" / "odd", SHARED / "cases" / "verify", SHARED / "cases/decode"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["own", "odd", "verify", "decode"])
@pytest.mark.parametrize("how", ["copy", "link"])
def test_fresh_originals_are_whole(augcli: Augcli, tmp_path: Path, folder: Path, how: str) -> None:
    if not folder.is_dir():
        pytest.skip("these files are not here")
    source, out = tmp_path / "source", tmp_path / "out"
    (source / "a").mkdir(parents=True)
    for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        shutil.copy(path, source / "a" / f"{number} {path.name}")
    augcli("generate", source, out, "-r", "cutout", "--include-originals", how)
    result = augcli("verify", out, "--replay", "--json")
    assert (result.returncode, json.loads(result.stdout)["faults"]) == (0, [])
    assert json.loads(result.stdout)["rows"] > 1
