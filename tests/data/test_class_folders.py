"""Class folders: every file is an image by its suffix or its first bytes, or it is counted; no
class is lost."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.image import formats
from augcli.image.codec import decode
from augcli.image.formats import format_of, image_suffixes, is_decoded, other_suffixes
from augcli.image.pillow import FORMATS
from tests.conftest import Augcli
from tests.data.test_listing import fill, paths

ALLOW = SourceOptions(allow_empty_classes=True)
# Pillow writes these, and their first bytes tell what they are.
WRITTEN = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000", "BMP", "PPM", "ICO", "SGI")


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    for actual in (formats._plugins, formats.image_suffixes, formats.other_suffixes):
        actual.cache_clear()
    monkeypatch.setattr(formats, "find_spec", lambda _: None)


@pytest.fixture(autouse=True)
def forget() -> object:
    yield
    for actual in (formats._plugins, formats.image_suffixes, formats.other_suffixes):
        actual.cache_clear()


def written(name: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 10, 10)).save(stream, name)
    return stream.getvalue()


def test_every_suffix_of_a_format_that_is_decoded_is_one_of_an_image() -> None:
    Image.init()
    known = {suffix.encode() for suffix, name in Image.EXTENSION.items() if name in FORMATS}
    assert known - {b".pfm"} <= image_suffixes()  # whose numbers have no stated range
    assert not image_suffixes() & other_suffixes()


@pytest.mark.parametrize("name", WRITTEN)
def test_files_without_a_known_suffix_are_images_by_their_first_bytes(
    tmp_path: Path, name: str
) -> None:
    data = written(name)
    for file in ("deadbeef", "photo.jpg!large", "v1.5"):
        (tmp_path / file / "in").mkdir(parents=True)
        (tmp_path / file / "in" / file).write_bytes(data)
    listing = list_source(tmp_path)
    assert paths(listing) == ["deadbeef/in/deadbeef", "photo.jpg!large/in/photo.jpg!large",
                              "v1.5/in/v1.5"]  # fmt: skip
    assert listing.warnings == ()
    assert decode(read_image(listing, 0, 1000)).shape == (16, 16, 3)
    assert format_of(data[: formats.BEGINNING]) == name
    assert is_decoded(name)


@pytest.mark.parametrize(
    "data", [b"", b"BM", b"BM, Inc. is no bitmap at all.", b"P5 is a group", b"{}", b"\0\0\1\0",
             b"RIFF\0\0\0\0WAVEfmt ", b"\0\0\0\x20ftypisom\0\0\0\0isomavc1", b"II", b"GIF87b"],
)  # fmt: skip
def test_no_image_is_taken_for_one(data: bytes) -> None:
    assert format_of(data) is None


def test_files_that_are_no_images_are_named_in_one_warning(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/1.jpg", "a/2.txt", "a/x", "a/y.weird", "notes.md")
    (root / "a/psd").write_bytes(b"8BPS\0\1")
    (root / "a/text.txt").write_bytes(written("PNG"))
    listing = list_source(root)
    assert paths(listing) == ["a/1.jpg"]
    assert listing.warnings == (
        "4 files of SOURCE are no images (a/2.txt, a/text.txt, a/x, ...).",
        "1 image of SOURCE left out: 1 of formats that are not read (a/psd).",
    )


def test_a_pipe_without_a_suffix_is_not_waited_for(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/1.jpg")
    os.mkfifo(root / "a/pipe")
    (root / "a/zero").symlink_to("/dev/zero")
    assert list_source(root).warnings == ("2 files of SOURCE are no images (a/pipe, a/zero).",)


def test_an_empty_class_folder_is_refused_or_keeps_its_id(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/1.jpg", "c/2.jpg", "d/x/notes.txt")
    (root / "b").mkdir()
    with pytest.raises(UserError) as refused:
        list_source(root)
    assert str(refused.value) == (
        f"2 class folders of SOURCE {root} hold no image that is read (b, d, with d/x/notes.txt);"
        " convert or remove them, or give --allow-empty-classes, with which they keep their ids."
    )
    listing = list_source(root, ALLOW)
    assert listing.classes == ("a", "b", "c", "d")
    assert listing.class_of.tolist() == [0, 2]
    left = list_source(root, SourceOptions(classes_exclude=("b", "d")))
    assert (left.classes, left.class_of.tolist()) == (("a", "c"), [0, 1])
    (root / "d/x/notes.txt").unlink()
    (root / "d/x").rmdir()
    (root / "d").rmdir()
    with pytest.raises(
        UserError, match=r"1 class folder .* no image that is read \(b\); remove it"
    ):
        list_source(root)


def test_ids_are_those_of_torchvision(tmp_path: Path) -> None:
    """ImageFolder(allow_empty=True): the sorted names of all folders."""
    root = fill(tmp_path, "b/1.jpg", "Z/2.jpg")
    for name in ("a", "zz", "Y"):
        (root / name).mkdir()
    listing = list_source(root, ALLOW)
    assert listing.classes == tuple(sorted(p.name for p in root.iterdir() if p.is_dir()))
    assert [listing.classes[i] for i in listing.class_of] == ["Z", "b"]


@pytest.mark.usefixtures("no_plugins")
def test_without_the_plugins_the_extra_is_named(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/1.jpg", "a/2.HEIC", "b/3.jpg")
    assert list_source(root).warnings == (
        "1 image of SOURCE left out: 1 of formats that are not read (a/2.HEIC); `pip install"
        " 'augcli[formats]'` has HEIC and JPEG XL read.",
    )
    (root / "b/3.jpg").rename(root / "b/3.jxl")
    with pytest.raises(UserError) as refused:
        list_source(root)
    assert str(refused.value) == (
        f"1 class folder of SOURCE {root} holds no image that is read (b, with b/3.jxl); `pip"
        " install 'augcli[formats]'` for HEIC and JPEG XL, convert or remove it, or give"
        " --allow-empty-classes, with which it keeps its id."
    )
    (root / "a/1.jpg").unlink()
    with pytest.raises(
        UserError, match=r"no image in them, as a/2\.HEIC is none that is read; `pip"
    ):
        list_source(root)


def test_a_run_over_files_without_suffixes_and_an_empty_class(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    for file in photos.glob("ant/*"):
        file.rename(file.with_suffix(""))
    (photos / "aaa").mkdir()
    out = tmp_path / "out"
    result = augcli("generate", photos, out, "-r", "cutmix")
    assert result.returncode == 2
    assert "1 class folder of SOURCE" in result.stderr
    result = augcli("generate", photos, out, "-r", "cutmix", "--allow-empty-classes", "-j", 2)
    assert result.returncode == 0
    assert "out/train has no folder for class aaa, as no image there shows most" in result.stderr
    assert (out / "classes.txt").read_text() == "aaa\nant\nbee\ncow\n"
    result = augcli("verify", out, "--replay")
    assert (result.returncode, result.stderr) == (0, "")
    result = augcli(
        "preview", photos, "-r", "flip", "--allow-empty-classes", "--to", tmp_path / "s.png"
    )
    assert result.returncode == 0
