"""Listing folders and lists of paths."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from augcli.data.labels import one_hot
from augcli.data.listing import ListingBuilder, sample_id
from augcli.data.source import list_paths, list_source
from augcli.enums import LabelsFrom
from augcli.errors import UserError
from tests.conftest import Augcli


def fill(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def paths(listing: object) -> list[str]:
    return [listing.sample(i).relative for i in range(len(listing))]  # type: ignore[attr-defined,arg-type]


def test_classes_are_folders_in_order_and_images_lie_at_any_depth(tmp_path: Path) -> None:
    root = fill(
        tmp_path,
        *("b/2.JPG", "b/1.png", "a/x/deep/3.webp", "a/4.jpeg", "a/y.txt", "b/.hidden.jpg"),
        *(".git/a.jpg", "loose.jpg", "B/5.tiff"),
    )
    listing = list_source(root)
    assert listing.classes == ("B", "a", "b")
    assert paths(listing) == ["B/5.tiff", "a/4.jpeg", "a/x/deep/3.webp", "b/1.png", "b/2.JPG"]
    sample = listing.sample(2)
    assert sample.path == os.fsencode(root / "a/x/deep/3.webp")
    assert sample.label == one_hot(1)
    assert sample.sample_id == sample_id(b"a/x/deep/3.webp")


def test_links_to_folders_are_followed_without_loops(tmp_path: Path) -> None:
    root = fill(tmp_path / "data", "a/1.jpg")
    fill(tmp_path / "elsewhere", "2.jpg")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "a/up").symlink_to(root / "a")
    (root / "a/all").symlink_to(root)
    listing = list_source(root)
    assert paths(listing) == ["a/1.jpg", "b/2.jpg"]


def test_pipes_and_broken_links_are_no_images(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/1.jpg")
    os.mkfifo(root / "a/pipe.jpg")
    (root / "a/gone.jpg").symlink_to(root / "nowhere.jpg")
    assert paths(list_source(root)) == ["a/1.jpg"]


def test_sockets_and_links_in_circles_are_no_images(tmp_path: Path) -> None:
    root = fill(tmp_path / "s", "a/1.jpg")
    (root / "a/loop.jpg").symlink_to("loop.jpg")
    (root / "a/there").symlink_to("back")
    (root / "a/back").symlink_to("there")
    (root / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "a/socket.jpg"))
        assert paths(list_source(root)) == ["a/1.jpg"]


def test_a_closed_folder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(tmp_path, "a/1.jpg", "a/closed/2.jpg")
    usual = os.scandir

    def scandir(folder: bytes) -> object:
        if folder.endswith(b"closed"):
            raise PermissionError(13, "Permission denied", folder)
        return usual(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match=r"a/closed in SOURCE cannot be read: Permission denied"):
        list_source(root)


def test_a_folder_that_is_removed_meanwhile_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path, "a/1.jpg", "a/gone/2.jpg", "b/3.jpg", "c/4.jpg")
    usual = os.scandir

    def scandir(folder: bytes | int) -> object:
        if isinstance(folder, bytes) and folder.endswith((b"gone", b"/c")):
            shutil.rmtree(folder)
        return usual(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = list_source(root)
    assert paths(listing) == ["a/1.jpg", "b/3.jpg"]
    assert listing.classes == ("a", "b")


def test_folders_too_deep_for_a_path_are_one_short_sentence(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.jpg")
    here = os.open(tmp_path / "a", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        with pytest.raises(
            UserError, match=r"a/d/d/d.* in SOURCE cannot be read: File name too lo"
        ) as e:
            list_source(tmp_path)
        assert len(str(e.value)) < 1000
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "a"], check=True, timeout=60)


def test_names_of_255_bytes(tmp_path: Path) -> None:
    folder, name = "k" * 255, "x" * 251 + ".jpg"
    listing = list_source(fill(tmp_path, f"{folder}/{name}"))
    assert listing.classes == (folder,)
    assert paths(listing) == [f"{folder}/{name}"]


def test_undecodable_names(tmp_path: Path) -> None:
    folder = os.fsencode(fill(tmp_path, "a/1.jpg") / "a")
    Path(os.fsdecode(folder + b"/\xff\n.jpg")).write_bytes(b"")
    listing = list_source(tmp_path)
    assert paths(listing) == ["a/1.jpg", "a/\\xff\\x0a.jpg"]
    assert listing.sample(1).path == folder + b"/\xff\n.jpg"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "nowhere", "nowhere does not exist"),
        (lambda root: fill(root, "file") / "file", "is an empty file; give a folder"),
        (lambda root: root, "is empty; give a folder"),
        (lambda root: fill(root, "1.jpg", "2.jpg"), "holds 2 image files but no class folders"),
        (lambda root: fill(root, "a/notes.txt"), "has class folders but no image in them"),
    ],
)
def test_refusals_name_the_source_and_the_remedy(
    tmp_path: Path, make: object, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        list_source(make(tmp_path))  # type: ignore[operator]


def test_fingerprint_changes_with_any_name_or_class(tmp_path: Path) -> None:
    prints = set()
    for number, names in enumerate(
        [("a/1.jpg",), ("a/2.jpg",), ("b/1.jpg",), ("a/1.jpg", "b/1.jpg")]
    ):
        prints.add(list_source(fill(tmp_path / str(number), *names)).fingerprint())
    assert len(prints) == 4
    again = list_source(fill(tmp_path / "again", "a/1.jpg"))
    assert again.fingerprint() == list_source(tmp_path / "0").fingerprint()


@pytest.mark.parametrize("separator", [b"\0", b"\n", b"\r\n"])
def test_path_list(separator: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    lines = separator.join(
        [b"./p/dog/1.jpg", b"p/cat/2.jpg", b"p/dog/1.jpg", b"/abs/cat/3.jpg", b""]
    )
    listing = list_paths(io.BytesIO(lines), LabelsFrom.parent)
    assert listing.classes == ("cat", "dog")
    assert paths(listing) == ["p/dog/1.jpg", "p/cat/2.jpg", "/abs/cat/3.jpg"]
    assert [int(c) for c in listing.class_of] == [1, 0, 0]
    assert listing.sample(1).path == os.fsencode(tmp_path) + b"/p/cat/2.jpg"
    assert listing.sample(2).path == b"/abs/cat/3.jpg"


def test_path_list_labels_from_elsewhere() -> None:
    data = io.BytesIO(b"x/cat/train/dog_1.jpg")
    assert list_paths(data, LabelsFrom.grandparent).classes == ("cat",)
    data.seek(0)
    assert list_paths(data, LabelsFrom.prefix).classes == ("dog",)
    with pytest.raises(UserError, match=r"1\.jpg on standard input has no parent"):
        list_paths(io.BytesIO(b"1.jpg"), LabelsFrom.parent)
    with pytest.raises(UserError, match="standard input is empty"):
        list_paths(io.BytesIO(b"\n\n"), LabelsFrom.parent)


def test_a_path_list_is_read_in_pieces() -> None:
    names = [b"%d/%s.jpg" % (number % 3, b"x" * (number % 300)) for number in range(30_000)]
    for separator in (b"\0", b"\n", b"\r\n"):
        listing = list_paths(io.BytesIO(separator.join(names)), LabelsFrom.parent)
        assert paths(listing) == [name.decode() for name in dict.fromkeys(names)]
        assert listing.class_of[:4].tolist() == [0, 1, 2, 0]


def test_a_list_may_begin_with_a_mark() -> None:
    data = io.BytesIO(b"\xef\xbb\xbfa/1.jpg\r\nb/2.jpg\r\n")
    assert paths(list_paths(data, LabelsFrom.parent)) == ["a/1.jpg", "b/2.jpg"]


class Endless(io.RawIOBase):
    """A stream that gives the same bytes again and again."""

    def __init__(self, first: bytes, then: bytes) -> None:
        self.first, self.then = first, then

    def read(self, size: int = -1) -> bytes:
        data = self.first + self.then * (size // len(self.then) + 1)
        self.first = b""
        return data[:size]


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (b"", b"\0", "has 1 MiB without a path in a row"),
        (b"a/1.jpg\n", b"\n", "has 1 MiB without a path in a row"),
        (b"", b"x", "has a path of more than 64 KiB, x{200}\\.\\.\\.; separate paths by"),
        (b"a/1.jpg\0", b"x\n", "has a path of more than 64 KiB"),
        (b"", b"a/1.jpg\nb/2.jpg\n", "repeats its 2 paths without end; give each once"),
        (b"a/1.jpg\n" * 200_000, b"\0", "has NUL bytes behind its first MiB"),
    ],
)
def test_a_stream_without_end_is_refused(first: bytes, then: bytes, message: str) -> None:
    with pytest.raises(UserError, match=f"^The list of paths on standard input {message}"):
        list_paths(Endless(first, then), LabelsFrom.parent)  # type: ignore[arg-type]


def test_a_list_in_another_encoding_or_from_a_folder_is_refused() -> None:
    with pytest.raises(UserError, match="cannot be read: it is in UTF-16 or UTF-32"):
        list_paths(io.BytesIO("a/1.jpg\n".encode("utf-16")), LabelsFrom.parent)

    class Folder(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise IsADirectoryError(21, "Is a directory")

    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        list_paths(Folder(), LabelsFrom.parent)  # type: ignore[arg-type]


def test_listing_takes_few_bytes_a_name() -> None:
    builder = ListingBuilder()
    folder = builder.folder(b"train/n01440764")
    for number in range(20_000):
        builder.add(folder, b"n01440764_%08d.JPEG" % number, 0)
    listing = builder.finish("/data", ["n01440764"])
    held = len(listing.names) + listing.ends.nbytes + listing.folder_of.nbytes
    assert (held + listing.class_of.nbytes) / len(listing) == 23 + 8 + 4 + 4
    assert listing.sample(12_345).relative == "train/n01440764/n01440764_00012345.JPEG"


def test_soft_labels_are_kept_in_sparse_rows() -> None:
    builder = ListingBuilder()
    for name in (b"1.jpg", b"2.jpg"):
        builder.add(builder.folder(b"a"), name, 0)
    listing = builder.finish("/d", ["a", "b"], ([0, 1, 0], [0.75, 0.25, 1.0], [2, 3]))
    assert listing.label(0) == ((0, 1), (0.75, 0.25))
    assert listing.label(1) == one_hot(0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_what_is_called_like_an_image_and_is_no_file_is_counted(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    """A dead link, a pipe, a link in a circle: left out, and said so."""
    (photos / "bee" / "dead.jpg").symlink_to("nothing")
    result = augcli("generate", photos, tmp_path / "one", "-r", "flip")
    assert (result.returncode, result.stderr) == (
        0,
        "augcli: warning: 1 entry of SOURCE with the name of an image left out, as a dead link or a"
        " pipe is no file (bee/dead.jpg).\n",
    )
    os.mkfifo(photos / "ant" / "pipe.png")
    (photos / "cow" / "circle.jpg").symlink_to("circle.jpg")
    (photos / "cow" / "dead").symlink_to("nothing")
    result = augcli("generate", photos, tmp_path / "three", "-r", "flip")
    assert "3 entries of SOURCE" in result.stderr and "(the first is ant/pipe.png)" in result.stderr
