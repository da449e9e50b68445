"""Where a sheet is written, and what it replaces."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augcli.image.sheet_file import encode_sheet
from tests.conftest import ROOT, Augcli, tree, write_photo


def refused(result: Any, sentence: str, code: int = 2) -> bool:
    """Whether a call ended with one sentence that holds this, and printed nothing else."""
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr, result.stderr
    return True


@pytest.mark.parametrize("kind", ["folder", "list", "table", "link", "linked folder", "manifest"])
def test_a_source_is_never_written_to(
    augcli: Augcli, photos: Path, tmp_path: Path, kind: str
) -> None:
    """Neither over an image, nor beside the images of a folder; a place is what it is by any
    name."""
    image = photos / "ant/ant 0.jpg"
    source: Path | str = photos
    places = [image, photos / "ant/new.png", photos / "new.png", photos / "bee/../ant/new.png"]
    listed = None
    if kind == "list":
        source, places = "-", [image]
        listed = b"\n".join(str(path).encode() for path in photos.rglob("*.jpg"))
    elif kind == "table":
        source, places = tmp_path / "t.csv", [image]
        rows = (f"{path.relative_to(tmp_path)},{path.parent.name}" for path in photos.rglob("*.*"))
        source.write_text("path,label\n" + "\n".join(rows))
    elif kind == "link":
        (tmp_path / "way").symlink_to(photos)
        (tmp_path / "one.jpg").symlink_to(image)
        places = [tmp_path / "way/ant/ant 0.jpg", tmp_path / "way/new.png", tmp_path / "one.jpg"]
    elif kind == "linked folder":
        elsewhere = tmp_path / "elsewhere"
        (photos / "cow").rename(elsewhere)
        (photos / "cow").symlink_to(elsewhere)
        (photos / "bee/far.png").symlink_to(tmp_path / "far.png")
        write_photo(tmp_path / "far.png", 1, 30, 20)
        places = [elsewhere / "new.png", elsewhere / "cow 0.jpg", tmp_path / "far.png"]
    elif kind == "manifest":
        source = tmp_path / "made"
        assert augcli("generate", photos, source, "-r", "flip").returncode == 0
        places = [source / "sheet.png", source / "train/ant/sheet.png"]
    before = tree(tmp_path)
    for place in places:
        result = augcli("preview", source, "-r", "flip", "-n", 1, "--to", place, stdin=listed)
        assert refused(result, f"--to {place} ")
        is_link = Path(place).is_symlink()
        sentence = "is a link; name the file itself" if is_link else "; choose another"
        assert sentence in result.stderr
    assert tree(tmp_path) == before


def test_what_is_no_picture_is_not_replaced(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    """Whatever its name is: tables, archives, recipe files and models are among these."""
    files = {
        "text.png": b"a text", "model.jpg": b"\x08\x07\x12", "tar.webp": b"ant/\0\0" * 100,
        "gif.png": b"GIF89a" + bytes(20), "cut.png": b"\x89PNG\r\n\x1a\n",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        result = augcli("preview", photos, "-r", "flip", "-n", 1, "--to", tmp_path / name)
        assert refused(result, "exists and is a file of another kind, which is not replaced")
        assert (tmp_path / name).read_bytes() == content
    recipe = tmp_path / "r.png"
    recipe.write_text("[[steps]]\nrecipe = 'flip'\n")
    result = augcli("preview", photos, "--recipe-file", recipe, "-n", 1, "--to", recipe)
    assert refused(result, "exists and is a file of another kind")
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "null.png").symlink_to("/dev/null")
    for name, sentence in (
        ("fifo.png", "is not a regular file"), ("folder.png", "is a folder"),
        ("null.png", "is a link; name the file itself"),
    ):  # fmt: skip
        result = augcli("preview", photos, "-r", "flip", "-n", 1, "--to", tmp_path / name)
        assert refused(result, sentence)
    assert refused(augcli("preview", photos, "-r", "flip", "--to", "/dev/stdout"), "is no PNG")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_only_a_sheet_is_replaced(
    augcli: Augcli, photos: Path, tmp_path: Path, suffix: str
) -> None:
    """Not somebody's photograph of the same kind, whatever its name is."""
    own, sheet = tmp_path / f"holiday{suffix}", tmp_path / f"sheet{suffix}"
    write_photo(own, 1, 30, 20)
    before = own.read_bytes()
    preview = ("preview", photos, "-r", "flip", "-n", 1, "--to")
    assert refused(augcli(*preview, own), "exists and is a file of another kind")
    assert own.read_bytes() == before
    for _ in range(2):
        assert augcli(*preview, sheet).returncode == 0
    with Image.open(sheet) as image:
        assert image.width > 100


def test_an_earlier_picture_is_replaced_as_a_whole(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sheet.png"
    file.touch()  # as of mktemp
    for examples in (1, 2):
        result = augcli("preview", photos, "-r", "flip", "-n", examples, "--to", file)
        assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["sheet.png"]


def test_a_full_disk_leaves_the_earlier_picture(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    """A file of at most 2 KiB stands for the full disk."""
    file = tmp_path / "sheet.png"
    file.write_bytes(encode_sheet(np.zeros((8, 8, 3), np.uint8), ".png"))
    before = file.read_bytes()
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "sitecustomize.py").write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n"
    )
    env = {"PYTHONPATH": f"{shadow}:{ROOT}"}
    result = augcli("preview", photos, "-r", "flip", "-n", 1, "--to", file, env=env)
    assert refused(result, f"--to {file} cannot be written: File too large", 1)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("sheet*")) == ["sheet.png"]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    for number in range(70):
        write_photo(folder / f"c{number % 2}" / f"{number}.png", number, 16, 24)
    return folder


def test_sheets_of_many_lines_are_no_towers(augcli: Augcli, many: Path, tmp_path: Path) -> None:
    """The sides are about as long as each other, and all lines are on the sheet."""
    sizes = []
    for examples in (1, 70):
        to = tmp_path / f"{examples}.png"
        result = augcli("preview", many, "-r", "flip", "-n", examples, "--to", to, "--json")
        assert result.returncode == 0, result.stderr
        values = json.loads(result.stdout)
        with Image.open(to) as sheet:
            assert sheet.size == (values["width"], values["height"])
            sizes.append(sheet.size)
    assert max(sizes[1]) <= 4000
    assert max(sizes[1]) / min(sizes[1]) < 1.5
    assert sizes[1][0] > 3 * sizes[0][0]


def test_examples_that_no_file_holds_are_refused_before_work(
    augcli: Augcli, many: Path, tmp_path: Path
) -> None:
    """Three RICAPs in a row take 64 images, and more pictures than a sheet has a place for."""
    file = tmp_path / "ricap.toml"
    file.write_text("[[steps]]\nrecipe = 'ricap'\n" * 3)
    options = ("--recipe-file", file, "--to", tmp_path / "x.webp")
    result = augcli("preview", many, *options, "-n", 200)
    assert refused(result, "--examples 200 do not fit into webp, which has at most 16383 pixels a")
    most = int(re.search(r"; (\d+) fit, or name a .png file", result.stderr)[1])  # type: ignore[index]
    assert 20 < most < 200
    result = augcli("preview", many, *options, "-n", 2)
    assert result.returncode == 0, result.stderr
