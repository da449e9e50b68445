"""A user's mistake leaves one sentence that names the thing and the remedy, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import Augcli, write_photo

CASES = {
    "no recipe": (["generate", "S", "O"], "No recipe is given; add --recipe NAME"),
    "unknown recipe": (
        ["generate", "S", "O", "-r", "cutmux"],
        "There is no recipe 'cutmux' (did you mean 'cutmix'?); `augcli recipes` lists them.",
    ),
    "unknown option of a recipe": (
        ["generate", "S", "O", "-r", "cutmix", "--set", "alhpa=1"],
        "Recipe cutmix has no option 'alhpa' (did you mean 'alpha'?)",
    ),
    "value out of bounds": (
        ["generate", "S", "O", "-r", "cutmix", "--set", "alpha=-1"],
        "Option alpha=-1 of recipe cutmix is wrong: give a number >= 1e-06 and <=",
    ),
    "set without a value": (
        ["generate", "S", "O", "-r", "cutmix", "--set", "alpha"],
        "--set alpha is not key=value",
    ),
    "bad size": (["generate", "S", "O", "-r", "cutmix", "--size", "9y9"], "--size 9y9 is not"),
    "bad colour": (
        ["generate", "S", "O", "-r", "cutmix", "--background", "redd"],
        "--background redd is not a colour",
    ),
    "missing source": (["generate", "nowhere", "O", "-r", "cutmix"], "nowhere does not exist"),
    "empty source": (["generate", "E", "O", "-r", "cutmix"], "E is empty"),
    "no class folders": (
        ["generate", "L", "O", "-r", "cutmix"],
        "L holds 1 image file but no class",
    ),
    "one image for a mix": (
        ["generate", "1", "O", "-r", "cutmix"],
        "Recipe cutmix mixes 2 images, but SOURCE 1 has 1",
    ),
    "one class for different-class": (
        ["generate", "S1", "O", "-r", "cutmix", "--pair", "different-class"],
        "--pair different-class needs two classes",
    ),
    "out inside source": (["generate", "S", "S/out", "-r", "cutmix"], "lie one inside the other"),
    "out is source": (["generate", "S", "S", "-r", "cutmix"], "lie one inside the other"),
    "out is a file": (["generate", "S", "F", "-r", "cutmix"], "OUT F is a file"),
    "out holds something": (["generate", "S", "N", "-r", "cutmix"], "OUT N is not empty"),
    "nothing to resume": (
        ["generate", "S", "N", "-r", "cutmix", "--resume"],
        "OUT N holds file.txt, and no run to resume",
    ),
    "resume and overwrite": (
        ["generate", "S", "O", "-r", "cutmix", "--resume", "--overwrite"],
        "--resume and --overwrite exclude each other",
    ),
    "preview into no folder": (
        ["preview", "S", "-r", "cutmix", "--to", "no/p.png"],
        "--to no/p.png cannot be written, as there is no folder no; make it, or name a file",
    ),
    "preview as text": (["preview", "S", "-r", "cutmix", "--to", "p.txt"], "--to p.txt is no PNG"),
    "verify nothing": (["verify", "O"], "OUT O does not exist"),
    "verify no run": (
        ["verify", "N"],
        "OUT N holds file.txt, and is no run of augcli; give the OUT of",
    ),
    "recipes unknown": (["recipes", "mixupp"], "did you mean 'mixup'?"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "cwd"
    for name in ("S/a/1.png", "S/b/2.png", "1/a/1.png", "S1/a/1.png", "S1/a/2.png", "L/x.png"):
        write_photo(root / name, 1, 20, 20)
    (root / "E").mkdir()
    (root / "N").mkdir()
    (root / "N/file.txt").write_text("mine")
    (root / "F").write_text("a file")
    return root


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_exit_2_nothing_written(augcli: Augcli, folder: Path, case: str) -> None:
    arguments, message = CASES[case]
    before = sorted(folder.rglob("*"))
    result = augcli(*arguments, cwd=folder)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.startswith("augcli: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert sorted(folder.rglob("*")) == before


def test_a_list_of_what_lies_inside_out_is_refused(augcli: Augcli, folder: Path) -> None:
    """Else --overwrite would remove what it is to be made of."""
    assert augcli("generate", "S", "O", "-r", "flip", cwd=folder).returncode == 0
    images = sorted(str(path.relative_to(folder)) for path in (folder / "O/train").glob("*/*.jpg"))
    (folder / "t.csv").write_text("path,label\n" + "".join(f"{name},a\n" for name in images))
    (folder / "L2/a").mkdir(parents=True)
    (folder / "L2/a/in").symlink_to(folder / "O/train/a")
    for source in ("t.csv", "-", "L2"):
        listed = "\n".join(images).encode() if source == "-" else None
        result = augcli(
            "generate", source, "O", "-r", "flip", "--overwrite", cwd=folder, stdin=listed
        )
        assert (result.returncode, "which is inside OUT O" in result.stderr) == (2, True), (
            result.stderr
        )
    assert all((folder / name).exists() for name in images)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        pytest.skip("there is no second file system")
    with TemporaryDirectory(dir=memory) as place:
        yield Path(place)


@pytest.mark.parametrize("kind", ["folder", "file", "link to a file", "link to a folder"])
def test_links_across_file_systems_are_refused_before_work(
    augcli: Augcli, folder: Path, elsewhere: Path, kind: str
) -> None:
    if (folder.stat().st_dev) == elsewhere.stat().st_dev:
        pytest.skip("both are one file system")
    source = folder / "S"
    (elsewhere / "a").mkdir()
    (source / "a/1.png").rename(folder / "1.png")
    shutil.copy(folder / "1.png", elsewhere / "a/1.png")
    if kind == "folder":
        shutil.copytree(source / "b", elsewhere / "b")
        source = elsewhere
    elif kind == "link to a folder":
        (source / "a").rmdir()
        (source / "a").symlink_to(elsewhere / "a")
    else:
        (source / "a/1.png").symlink_to(elsewhere / "a/1.png")
    before = sorted(folder.rglob("*"))
    for option in ([], ["--dry-run"]):
        arguments = ("generate", source, "O", "-r", "flip", "--include-originals")
        result = augcli(*arguments, "link", *option, cwd=folder)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert "cannot link " in result.stderr
        assert "it lies on another file system; give --include-originals copy." in result.stderr
        assert sorted(folder.rglob("*")) == before
    assert augcli(*arguments, "copy", cwd=folder).returncode == 0


def test_links_that_the_system_refuses_are_found_before_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system without hard links, or for files of others."""
    from augcli.data.source import list_source
    from augcli.errors import UserError
    from augcli.store.journal import check_linkable

    before = sorted(folder.rglob("*"))
    check_linkable(folder / "O", list_source(folder / "S"))
    assert sorted(folder.rglob("*")) == before

    def link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(UserError, match=r"Operation not permitted; give --include-originals copy"):
        check_linkable(folder / "O", list_source(folder / "S"))
    assert sorted(folder.rglob("*")) == before


def test_a_source_image_that_is_a_link_is_linked_as_what_it_leads_to(
    augcli: Augcli, folder: Path
) -> None:
    (folder / "S/a/1.png").rename(folder / "1.png")
    (folder / "S/a/1.png").symlink_to("../../1.png")
    result = augcli("generate", "S", "O", "-r", "flip", "--include-originals", "link", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert (folder / "1.png").stat().st_nlink == 2
    assert not any(path.is_symlink() for path in (folder / "O").rglob("*"))
    assert augcli("verify", "O", "--replay", cwd=folder).returncode == 0


def test_classes_that_are_named_as_files_of_ours(augcli: Augcli, folder: Path) -> None:
    for name in ("metadata.jsonl", "METADATA.csv", "classes.txt", "NUL", "maps.jsonl"):
        (folder / "T" / name).mkdir(parents=True)
        shutil.copy(folder / "S/a/1.png", folder / "T" / name / "1.png")
    for command in (
        ("generate", "T", "O", "-r", "cutmix"), ("verify", "O", "--replay"),
        ("generate", "T", "O", "-r", "cutmix", "--resume"), ("saliency", "T", "M"),
    ):  # fmt: skip
        result = augcli(*command, cwd=folder)
        assert (result.returncode, result.stderr) == (0, "")
    assert (folder / "O/train/metadata.jsonl").is_file()
    assert len(list((folder / "O/train").glob("*/*"))) == 5
    assert len((folder / "M/maps.jsonl").read_text().splitlines()) == 5


def test_names_that_are_no_text(augcli: Augcli, folder: Path) -> None:
    """SOURCE and OUT of any bytes, and a newline; what is shown is text on one line."""
    source, out = (os.fsdecode(name) for name in (b"s\xff\n\x1b[31m", b"o\xff"))
    (folder / "S").rename(folder / source)
    result = augcli("generate", source, out, "-r", "flip", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["outputs"] == 2
    assert augcli("verify", out, "--replay", cwd=folder).returncode == 0
    result = augcli("generate", source + "x", out, "-r", "flip", cwd=folder)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "\x1b" not in result.stderr
    result = augcli("generate", "x" * 300, "y" * 300, "-r", "flip", cwd=folder)
    assert (result.returncode, "File name too long" in result.stderr) == (2, True)


def test_unknown_flag_is_refused_by_name(augcli: Augcli, folder: Path) -> None:
    result = augcli("generate", "S", "O", "--recipes", "cutmix", cwd=folder)
    assert result.returncode == 2
    assert "--recipes" in result.stderr
    assert "--recipe" in result.stderr.replace("--recipes", "")


@pytest.mark.parametrize("broken", ["raise ImportError('libGL.so.1')", "__version__ = '4'"])
def test_opencv_that_cannot_serve_is_one_sentence(
    augcli: Augcli, folder: Path, tmp_path: Path, broken: str
) -> None:
    from tests.conftest import ROOT

    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "cv2.py").write_text(broken)
    result = augcli(
        "generate", "S", "O", "-r", "saliencymix", cwd=folder,
        env={"PYTHONPATH": f"{shadow}:{ROOT}"},
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "opencv-contrib-python" in result.stderr
    assert not (folder / "O").exists()
