"""Images in NumPy's arrays."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import UInt8
from augcli.data import pixel_rows
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.image.codec import decode
from tests.conftest import Augcli


def pixels(*shape: int, seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write_folder(folder: Path, **arrays: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values, allow_pickle=True)
    return folder


def test_a_folder_of_images_and_labels(tmp_path: Path) -> None:
    images = pixels(6, 20, 30, 3)
    source = write_folder(tmp_path / "a", images=images, labels=np.array([2, 0, 1, 2, 0, 4]))
    listing = list_source(source)
    assert (listing.reader, listing.split, listing.others) == ("numpy_arrays", "", ())
    assert listing.classes == tuple("01234")
    assert listing.class_of.tolist() == [2, 0, 1, 2, 0, 4]
    assert listing.relative_path(5) == b"images/5.png"
    for index in range(6):
        data = read_image(listing, index, 10_000)
        assert np.array_equal(decode(data), images[index])
        assert len(data) == listing.sizes()[index]
    (source / "classes.txt").write_text("a\nb\nc\nd\ne\n")
    assert list_source(source).classes == tuple("abcde")
    with pytest.raises(UserError, match="has no split test, and no splits at all; leave out"):
        list_source(source, SourceOptions(split="test"))


@pytest.mark.parametrize("shape", [(4, 9, 7), (4, 9, 7, 1), (4, 9, 7, 3)])
@pytest.mark.parametrize("compressed", [False, True])
def test_archives_with_the_names_of_keras_and_of_medmnist(
    tmp_path: Path, shape: tuple[int, ...], compressed: bool
) -> None:
    save: Any = np.savez_compressed if compressed else np.savez
    images = {name: pixels(*shape, seed=seed) for seed, name in enumerate(("train", "val", "test"))}
    labels = np.array([[1], [0], [2], [1]], np.uint8)
    save(tmp_path / "medmnist.npz", **{f"{k}_images": v for k, v in images.items()},
         **{f"{k}_labels": labels for k in images})  # fmt: skip
    del images["val"]
    save(tmp_path / "keras.npz", **{f"x_{k}": v for k, v in images.items()},
         **{f"y_{k}": labels for k in images})  # fmt: skip
    for name, splits, first in (("medmnist", ["test", "val"], b"medmnist/train_images/0.png"),
                                ("keras", ["test"], b"keras/x_train/0.png")):  # fmt: skip
        listing = list_source(tmp_path / f"{name}.npz")
        assert (listing.split, [one.split for one in listing.others]) == ("train", splits)
        assert (listing.classes, listing.class_of.tolist()) == (("0", "1", "2"), [1, 0, 2, 1])
        assert listing.relative_path(0) == first
        for one in (listing, *listing.others):
            for index in range(4):
                row = np.broadcast_to(images.get(one.split, pixels(*shape, seed=1))[index].reshape(
                    9, 7, -1), (9, 7, 3))  # fmt: skip
                assert np.array_equal(decode(read_image(one, index, 10_000)), row)


def test_soft_labels_are_weights(tmp_path: Path) -> None:
    weights = np.array([[0.25, 0.75, 0], [1, 0, 0], [0, 0.5, 0.5]], np.float32)
    source = write_folder(tmp_path / "s", images=pixels(3, 8, 8), labels=weights)
    listing = list_source(source, SourceOptions(classes=("a", "b", "c")))
    assert listing.classes == ("a", "b", "c")
    labels = [listing.label(index) for index in range(3)]
    assert [label.ids for label in labels] == [(0, 1), (0,), (1, 2)]
    assert [label.weights for label in labels] == [(0.25, 0.75), (1.0,), (0.5, 0.5)]
    assert listing.class_of.tolist() == [1, 0, 1]
    one_hot = np.eye(3, dtype=np.int64)[[2, 0, 1]]
    listing = list_source(write_folder(source, labels=one_hot))
    assert (listing.soft_ids, listing.class_of.tolist()) == (None, [2, 0, 1])
    with pytest.raises(UserError, match="has weights for 3 classes, and 2 names for them; name"):
        list_source(source, SourceOptions(classes=("a", "b")))


class Harm:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("harm"),)


FINE = np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": pixels(3, 8, 8) / np.float32(255)}, "holds float32, whose range is not stated"),
        ({"images": pixels(3, 8)}, r"has the shape \(3, 8\); images have \(n, height, width\)"),
        ({"images": pixels(3, 8, 8, 2)}, "holds arrays of 8 x 8 x 2; images have the shape"),
        ({"images": pixels(3, 3, 8, 8)}, "holds arrays of 3 x 8 x 8; images have the shape"),
        ({"images": pixels(0, 8, 8)}, "holds no images"),
        ({"images": np.asfortranarray(pixels(3, 8, 8))}, "save numpy.ascontiguousarray of it"),
        ({"images": np.array([Harm()] * 3)}, "holds objects of Python, which are never read"),
        ({"labels": np.array([Harm()] * 3)}, "holds objects of Python, which are never read"),
        ({"labels": FINE[:2]}, "has 2 labels for 3 images; give one for each"),
        ({"labels": np.array([0, -1, 0])}, "has the label -1, and classes are numbered from 0"),
        ({"labels": np.array([0, 10**7, 0])}, "has the label 10000000, and there are at most"),
        ({"labels": np.array([0, 2**63, 0], np.uint64)}, "which is no number of a class"),
        ({"labels": np.array([0.0, 1, 2])}, r"labels of shape \(n,\) are integers"),
        ({"labels": np.array(["a", "b", "c"])}, "holds <U1; labels are integers"),
        ({"labels": np.array([[1, 1], [0, 1], [1, 0]])}, "row 0 has 2 classes and not one; fix"),
        ({"labels": np.array([[1, 0], [0.5, 0.6], [1, 0]])}, "row 1 has weights that are not pos"),
        ({"labels": np.array([[1, 0], [1.5, -0.5], [1, 0]])}, "row 1 has weights that are not p"),
        ({"labels": np.array([[1, 0], [1, 0], [np.nan, 0]])}, "row 2 has weights that are not p"),
        ({"test_images": pixels(3, 8, 8)}, "has no labels of test; add them"),
        ({"test_images": pixels(3, 8, 8), "test_labels": FINE}, "of test and others of no split"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_images_is_refused(
    tmp_path: Path, arrays: dict[str, Any], sentence: str
) -> None:
    whole = {"images": pixels(3, 8, 8), "labels": FINE}
    source = write_folder(tmp_path / "a", **whole | arrays)
    with pytest.raises(UserError, match=sentence):
        list_source(source)
    np.savez_compressed(tmp_path / "a.npz", allow_pickle=True, **whole | arrays)
    with pytest.raises(UserError, match=sentence):
        list_source(tmp_path / "a.npz")


def test_files_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "a", images=pixels(3, 8, 8), labels=FINE)
    whole = (source / "images.npy").read_bytes()
    for data, sentence in ((whole[:-1], "ends before the last"), (whole[:20], "is no array in Num"),
                           (b"", "is no array in NumPy"), (b"PK\3\4", "is no array")):  # fmt: skip
        (source / "images.npy").write_bytes(data)
        with pytest.raises(UserError, match=rf"images\.npy {sentence}"):
            list_source(source)
    np.savez_compressed(tmp_path / "a.npz", images=pixels(3, 8, 8), labels=FINE)
    whole = (tmp_path / "a.npz").read_bytes()
    for data in (whole[:-30], whole[:100], b"", b"PK\3\4"):
        (tmp_path / "a.npz").write_bytes(data)
        with pytest.raises(UserError, match=r"a\.npz is no whole zip archive: .*; copy it"):
            list_source(tmp_path / "a.npz")


def test_a_large_compressed_archive_is_refused_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_rows, "MOST_UNPACKED", 1 << 20)
    images = np.zeros((300, 64, 64), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", images=images, labels=np.zeros(300, np.uint8))
    with pytest.raises(UserError, match=r"more than 1 MiB.*run unzip .*a\.npz -d a and give that"):
        list_source(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        archive.extractall(tmp_path / "a")
    assert len(list_source(tmp_path / "a")) == 300


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "a", images=pixels(3, 8, 8))
    with pytest.raises(UserError, match="has no labels; add them"):
        list_source(source)
    with pytest.raises(UserError, match=r"is one array; give the folder with images\.npy and lab"):
        list_source(source / "images.npy")
    np.savez(tmp_path / "a.npz", pixels(3, 8, 8), FINE)
    with pytest.raises(UserError, match=r"holds arr_0, arr_1; name the arrays images and labels"):
        list_source(tmp_path / "a.npz")


def test_a_run_over_an_archive_replays(augcli: Augcli, tmp_path: Path) -> None:
    source = tmp_path / "m.npz"
    labels = np.arange(8)[:, None] % 2
    np.savez_compressed(source, train_images=pixels(8, 30, 20), train_labels=labels,
                        test_images=pixels(4, 30, 20), test_labels=labels[:4])  # fmt: skip
    result = augcli("generate", source, tmp_path / "out", "-r", "cutmix", "-j", 2)
    assert (result.returncode, result.stderr) == (0, "")
    assert augcli("verify", tmp_path / "out", "--replay").returncode == 0
    soft = write_folder(tmp_path / "s", images=pixels(4, 30, 20, 3),
                        labels=np.array([[0.5, 0.5], [1, 0], [0, 1], [0.25, 0.75]]))  # fmt: skip
    result = augcli("generate", soft, tmp_path / "soft", "-r", "mixup", "-j", 2)
    assert (result.returncode, result.stderr) == (0, "")
    assert augcli("verify", tmp_path / "soft", "--replay").returncode == 0
    assert augcli("preview", soft, "-r", "cutmix", "--to", tmp_path / "p.png").returncode == 0
