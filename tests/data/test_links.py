"""Links of class and split folders: followed, but for those to folders above themselves."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from augcli.data.readers import imagefolder
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from tests.data.test_listing import fill, paths
from tests.helpers.tables import labelled

ABOVE = ("/", "..", ".", "../..", "loop")


@pytest.mark.parametrize("target", ABOVE)
@pytest.mark.parametrize("place", ["a/x", "a/deep/x", "x"])
def test_links_above_are_left_out_and_counted(tmp_path: Path, target: str, place: str) -> None:
    root = fill(tmp_path / "up/s", "a/1.jpg", "a/deep/2.jpg", "b/3.jpg")
    fill(tmp_path / "up", "beside/4.jpg")
    link = root / place
    link.symlink_to(link.name if target == "loop" else target)
    listing = list_source(root)
    assert (listing.classes, paths(listing)) == (("a", "b"), ["a/1.jpg", "a/deep/2.jpg", "b/3.jpg"])
    sentence = f"1 link of SOURCE left out ({place}), as it leads to a folder above it."
    if target == "loop":
        sentence = f"1 file of SOURCE is no image ({place})."
    assert listing.warnings == (sentence,)


def test_several_links_above_in_one_sentence(tmp_path: Path) -> None:
    root = fill(tmp_path / "s", "a/1.jpg", "b/3.jpg")
    (root / "a/all").symlink_to("..")
    (root / "b/system").symlink_to("/")
    expected = (
        "2 links of SOURCE left out (the first is a/all), as they lead to folders above them.",
    )
    assert list_source(root).warnings == expected
    assert paths(list_source(root, SourceOptions(labels=Labels.none))) == ["a/1.jpg", "b/3.jpg"]


def test_links_above_in_folders_elsewhere(tmp_path: Path) -> None:
    """In a class that is a link itself, they are those to what that folder lies in."""
    root = fill(tmp_path / "s", "a/1.jpg")
    fill(tmp_path / "else", "b/2.jpg", "c/3.jpg")
    (root / "b").symlink_to(tmp_path / "else/b")
    (tmp_path / "else/b/up").symlink_to("..")
    (tmp_path / "else/b/c").symlink_to("../c")
    listing = list_source(root)
    assert paths(listing) == ["a/1.jpg", "b/2.jpg", "b/c/3.jpg"]
    assert listing.warnings[0].startswith("1 link of SOURCE left out (b/up), as it leads")


def test_a_source_that_is_a_link(tmp_path: Path) -> None:
    fill(tmp_path / "real/s", "a/1.jpg", "b/2.jpg")
    (tmp_path / "link").symlink_to("real/s")
    (tmp_path / "real/s/a/up").symlink_to(tmp_path / "real")
    listing = list_source(tmp_path / "link")
    assert (paths(listing), len(listing.warnings)) == (["a/1.jpg", "b/2.jpg"], 1)


def test_a_folder_in_several_classes_is_said(tmp_path: Path) -> None:
    root = fill(tmp_path / "s", "a/1.jpg", "b/2.jpg", "b/in/3.jpg")
    (root / "a/b").symlink_to("../b")
    listing = list_source(root)
    assert paths(listing) == ["a/1.jpg", "a/b/2.jpg", "a/b/in/3.jpg", "b/2.jpg", "b/in/3.jpg"]
    assert listing.warnings == (
        "2 folders of SOURCE lie in several classes by links (the first is b), and their images"
        " count in each.",
    )


def test_folders_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagefolder, "_MOST_FOLDERS", 3)
    root = fill(tmp_path / "s", "a/1.jpg")
    fill(tmp_path / "else", "0/x.jpg", "1/x.jpg", "2/x.jpg")
    (root / "a/other").symlink_to(tmp_path / "else")
    with pytest.raises(
        UserError, match=r"/s/a in SOURCE holds more than 3 folders; perhaps a link"
    ):
        list_source(root)


@pytest.mark.parametrize("target", ["/", "..", "."])
def test_splits_that_lead_above(tmp_path: Path, target: str) -> None:
    root = fill(tmp_path / "up/s", "train/a/1.jpg", "train/b/2.jpg")
    (root / "val").symlink_to(target)
    listing = list_source(root)
    assert (paths(listing), listing.others) == (["a/1.jpg", "b/2.jpg"], ())
    assert listing.warnings == (
        f"only train is augmented, as val cannot be read: {root}/val is a link to a folder above"
        " it; remove it.",
    )
    (root / "val").rename(root / "old")
    (root / "old").unlink()
    (root / "train").rename(root / "val")
    (root / "train").symlink_to(target)
    with pytest.raises(UserError, match=r"s/train is a link to a folder above it; remove it\."):
        list_source(root)


def test_splits_that_are_one_folder(tmp_path: Path) -> None:
    root = fill(tmp_path / "s", "train/a/1.jpg", "train/b/2.jpg")
    (root / "val").symlink_to("train")
    fill(tmp_path / "else", "a/3.jpg")
    (root / "test").symlink_to(tmp_path / "else")
    listing = list_source(root)
    assert [(one.split, paths(one)) for one in listing.others] == [
        ("val", ["a/1.jpg", "b/2.jpg"]),
        ("test", ["a/3.jpg"]),
    ]
    assert listing.warnings == (
        "the splits train and val are one folder, by a link: the same images.",
    )


@pytest.mark.parametrize("target", ["/", "..", "."])
def test_links_above_beside_parquet_files(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "up/d"
    folder.mkdir(parents=True)
    pq.write_table(labelled(3).data.table, folder / "train-00000-of-00001.parquet")
    (folder / "x").symlink_to(target)
    assert len(list_source(folder)) == 3
