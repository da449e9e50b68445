"""MNIST's idx files."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augcli.arrays.types import UInt8
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UnreadableImage, UserError
from augcli.image.codec import decode
from tests.conftest import Augcli


def idx(values: UInt8) -> bytes:
    """An array of unsigned bytes as an idx file."""
    head = bytes([0, 0, 8, values.ndim])
    return head + b"".join(n.to_bytes(4) for n in values.shape) + values.tobytes()


def digits(count: int, seed: int = 0) -> tuple[UInt8, UInt8]:
    """Images of 28 x 28 and labels 0 to 9."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (count, 28, 28), np.uint8),
            (np.arange(count) % 10).astype(np.uint8))  # fmt: skip


def write_mnist(folder: Path, prefix: str = "", ending: str = "") -> tuple[UInt8, UInt8]:
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("t10k", 10), ("train", 20)):
        images, labels = digits(count, count)
        for what, values in (("images-idx3", images), ("labels-idx1", labels)):
            data = idx(values)
            file = folder / f"{prefix}{split}-{what}-ubyte{ending}"
            file.write_bytes(gzip.compress(data) if ending else data)
    return images, labels


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("inner", ["", "raw"])
def test_images_and_labels_are_those_of_the_files(tmp_path: Path, ending: str, inner: str) -> None:
    images, labels = write_mnist(tmp_path / "mnist" / inner, ending=ending)
    listing = list_source(tmp_path / "mnist")
    assert (listing.reader, listing.split, len(listing)) == ("idx", "train", 20)
    assert listing.classes == tuple("0123456789")
    assert listing.class_of.tolist() == labels.tolist()
    assert listing.relative_path(3) == b"train-images-idx3-ubyte/3.png"
    for index in range(20):
        data = read_image(listing, index, 1000)
        assert len(data) == listing.sizes()[index]
        assert np.array_equal(decode(data), np.repeat(images[index][..., None], 3, axis=2))
        with Image.open(io.BytesIO(data)) as image:
            assert (image.mode, np.array_equal(np.asarray(image), images[index])) == ("L", True)
    (test,) = listing.others
    assert (test.split, len(test), test.classes) == ("test", 10, listing.classes)
    assert np.array_equal(decode(read_image(test, 9, 1000))[..., 0], digits(10, 10)[0][9])
    other = list_source(tmp_path / "mnist", SourceOptions(split="test"))
    assert (other.split, [one.split for one in other.others]) == ("test", ["train"])
    with pytest.raises(UnreadableImage, match="the file is larger than"):
        from augcli.data.readers.idx import read_image as read

        read(listing, 0, 10)


def test_plain_files_stand_before_compressed_ones(tmp_path: Path) -> None:
    write_mnist(tmp_path / "m", ending=".gz")
    before = list_source(tmp_path / "m")
    write_mnist(tmp_path / "m")
    now = list_source(tmp_path / "m")
    assert now.archives == (b"train-images-idx3-ubyte",)
    assert now.names == before.names
    assert read_image(now, 5, 1000) == read_image(before, 5, 1000)


def test_classes_are_named_by_a_list(tmp_path: Path) -> None:
    write_mnist(tmp_path / "m")
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    assert list_source(tmp_path / "m", SourceOptions(classes=names)).classes == names
    with pytest.raises(
        UserError, match=r"has the label 9, and --classes names 9 classes, numbered from 0 on; name"
    ):
        list_source(tmp_path / "m", SourceOptions(classes=names[:9]))


def test_emnist_has_its_letters(tmp_path: Path) -> None:
    images, _ = digits(4)
    for split in ("train", "test"):
        stem = tmp_path / f"emnist-letters-{split}"
        Path(f"{stem}-images-idx3-ubyte").write_bytes(idx(images))
        Path(f"{stem}-labels-idx1-ubyte").write_bytes(idx(np.array([1, 3, 2, 1], np.uint8)))
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n3 67 99\n")
    listing = list_source(tmp_path)
    assert listing.classes == ("0", "A", "B", "C")
    assert listing.class_of.tolist() == [1, 3, 2, 1]
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65\n2 x\n")
    with pytest.raises(UserError, match=r"mapping\.txt cannot be read: invalid literal"):
        list_source(tmp_path)
    write_mnist(tmp_path)
    with pytest.raises(UserError, match=r"several data sets \(emnist-letters and one without a n"):
        list_source(tmp_path)


def overwrite(name: str, data: bytes, folder: Path) -> None:
    (folder / name).write_bytes(data)


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        (IMAGES, b"", "is no idx file"),
        (IMAGES, b"<html>", "is no idx file"),
        (IMAGES, bytes([0, 0, 13, 3]) + bytes(12), "of type 13 along 3 axes; unsigned b"),
        (IMAGES, idx(np.zeros((1, 28, 28), np.uint8))[:-1], "ends before the last of its 1 image"),
        (IMAGES, bytes([0, 0, 8, 3]) + b"\xff" * 12, "of 4294967295 x 4294967295 x 1"),
        (IMAGES, bytes([0, 0, 8, 3]) + b"\xff" * 4 + bytes([0, 0, 0, 28] * 2), "ends before the l"),
        (IMAGES, idx(np.zeros((0, 28, 28), np.uint8)), "holds no images"),
        (LABELS, idx(np.zeros(19, np.uint8)), "has 20 images and .* 19 labels; give"),
        (LABELS, idx(np.zeros(20, np.uint8))[:-1], "ends before the last of its 20 labels"),
    ],
)  # fmt: skip
def test_broken_files_are_refused(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    write_mnist(tmp_path)
    overwrite(name, data, tmp_path)
    with pytest.raises(UserError, match=sentence):
        list_source(tmp_path)


def test_a_large_compressed_file_is_refused_with_the_command(tmp_path: Path) -> None:
    write_mnist(tmp_path, ending=".gz")
    head = bytes([0, 0, 8, 3]) + (400_000).to_bytes(4) + bytes([0, 0, 0, 28] * 2)
    overwrite(f"{IMAGES}.gz", gzip.compress(head + bytes(100)), tmp_path)
    with pytest.raises(UserError, match=rf"more than 256 MiB.*; run gunzip -k .*{IMAGES}\.gz\."):
        list_source(tmp_path)
    overwrite(f"{IMAGES}.gz", gzip.compress(head)[:12], tmp_path)
    with pytest.raises(UserError, match="cannot be read: it breaks off"):
        list_source(tmp_path)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    with pytest.raises(UserError, match="is one idx file of several; give the folder"):
        list_source(tmp_path / IMAGES)
    (tmp_path / LABELS).unlink()
    with pytest.raises(UserError, match=f"has no labels for .*{IMAGES}; add them"):
        list_source(tmp_path)
    with pytest.raises(UserError, match="--label-column has no effect on SOURCE"):
        list_source(tmp_path, SourceOptions(label_column="x"))


def test_a_run_over_mnist_replays(augcli: Augcli, tmp_path: Path) -> None:
    images, _ = write_mnist(tmp_path / "m", ending=".gz")
    result = augcli("generate", tmp_path / "m", tmp_path / "out", "-r", "saliencymix", "-j", 2,
                  "--include-originals", "copy")  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert augcli("verify", tmp_path / "out", "--replay").returncode == 0
    originals = [decode(path.read_bytes()) for path in (tmp_path / "out/train").glob("*/*.png")]
    first = np.repeat(images[0][..., None], 3, axis=2)
    assert len(originals) == 20
    assert any(np.array_equal(first, one) for one in originals)
    assert augcli("preview", tmp_path / "m", "-r", "cutmix", "--to", tmp_path / "p.png"
                  ).returncode == 0  # fmt: skip


def test_targets_for_each_class(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    flags = (np.arange(60).reshape(20, 3) % 4 == 0).astype(np.uint8)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (tmp_path / "train-labels-idx2-ubyte").write_bytes(idx(flags))
    for name in ("t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        (tmp_path / name).unlink()
    options = SourceOptions(labels=Labels.multi, classes=("a", "b", "c"))
    listing = list_source(tmp_path, options)
    assert listing.classes == ("a", "b", "c")
    assert [listing.label(at).ids for at in range(20)] == [
        tuple(np.flatnonzero(row).tolist()) for row in flags
    ]
    assert list_source(tmp_path, SourceOptions(labels=Labels.multi)).classes == ("0", "1", "2")
    with pytest.raises(UserError, match="holds values of type 8 along 2 axes"):
        list_source(tmp_path)
    (tmp_path / "train-labels-idx2-ubyte").write_bytes(idx(flags * 2))
    with pytest.raises(UserError, match="row 0 has targets that are not numbers from 0 to 1"):
        list_source(tmp_path, options)


def test_images_without_labels(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    for path in tmp_path.glob("*-labels-*"):
        path.unlink()
    listing = list_source(tmp_path, SourceOptions(labels=Labels.none))
    assert (len(listing), listing.classes, len(listing.others[0])) == (20, (), 10)
