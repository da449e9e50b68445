"""The first command after installing."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from tests.conftest import Augcli


def test_it_makes_a_set_and_shows_how(augcli: Augcli, tmp_path: Path) -> None:
    result = augcli("demo", cwd=tmp_path)
    folder = tmp_path / "augcli-demo"
    assert result.returncode == 0
    assert len(list((folder / "photos").glob("*/*.*"))) == 30
    assert (folder / "photos/README.md").is_file()  # the authors and their licences
    assert len(list((folder / "mixed/train").glob("*/*.jpg"))) == 60
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.width > 500
    shown = [line[2:] for line in result.stderr.splitlines() if line.startswith("$ ")]
    assert [line.split()[1] for line in shown] == ["inspect", "preview", "generate"]
    assert augcli("verify", folder / "mixed", "--replay").returncode == 0
    again = augcli("demo", cwd=tmp_path)
    sentence = "augcli: augcli-demo exists already; give augcli demo another FOLDER.\n"
    assert (again.returncode, again.stdout, again.stderr) == (2, "", sentence)


def test_quiet_says_nothing(augcli: Augcli, tmp_path: Path) -> None:
    result = augcli("demo", tmp_path / "new", "-q")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "new/mixed/run.json").is_file()


def test_as_json(augcli: Augcli, tmp_path: Path) -> None:
    result = augcli("demo", tmp_path / "new", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    found = {name: Path(path).exists() for name, path in json.loads(result.stdout).items()}
    assert found == {"photos": True, "sheet": True, "out": True}


def test_where_it_cannot_write(augcli: Augcli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file exists already" in augcli("demo", tmp_path / "file").stderr
    result = augcli("demo", tmp_path / "file/below")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "file/below cannot be written" in result.stderr
