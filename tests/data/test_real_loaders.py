"""Classes, ids and counts are those that the loaders of others have of the same files."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.data.labels import from_printable
from augcli.data.source import list_source, read_image
from augcli.image.codec import decode
from tests.conftest import Augcli, write_photo
from tests.data.test_cifar import TEN, python2_pickle, write_ten
from tests.data.test_class_order import NASTY, table_of
from tests.data.test_idx import write_mnist

# That need no escape in folders of OUT.
PLAIN = ["cat", "Cat2", "äöü", "Zebra", "10", "9", "a b", "a.b", "_x", "été", "it's", "-dash", "~t",
         "b,c", "日本", "A", "n01440764", "#h", "[x]", "{y}", "$d", "\U0001f600"]  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for split, names in (("train", PLAIN), ("val", PLAIN[:6])):
        for number, name in enumerate(names):
            for index in range(1 + number % 3):
                write_photo(tmp_path / "S" / split / name / f"{index}.jpg", number, 12, 10)
    return tmp_path / "S"


def rows(split: Path) -> dict[str, int]:
    lines = (split / "metadata.jsonl").read_text().splitlines()
    return {row["file_name"]: row["label"] for row in map(json.loads, lines)}


def below(path: str, folder: Path) -> str:
    return os.path.relpath(path, folder)


def test_torchvision(augcli: Augcli, source: Path, tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("torchvision.datasets")
    listing, theirs = list_source(source / "train"), datasets.ImageFolder(source / "train")
    assert [from_printable(name).decode() for name in listing.classes] == theirs.classes
    assert np.bincount(listing.class_of).tolist() == list(Counter(theirs.targets).values())
    assert augcli("generate", source, tmp_path / "O", "-r", "flip").returncode == 0
    nasty = table_of(tmp_path / "in", [name for name in NASTY if name == name.strip()])
    assert augcli("generate", nasty, tmp_path / "N", "-r", "flip").returncode == 0
    for out in (tmp_path / "O", tmp_path / "N"):
        loaded = datasets.ImageFolder(out / "train")
        assert {below(path, out / "train"): label for path, label in loaded.samples} == rows(
            out / "train"
        )


def test_keras(augcli: Augcli, source: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    keras: Any = pytest.importorskip("keras")
    nasty = table_of(tmp_path / "in", [name for name in NASTY if name == name.strip()])
    for given, out in ((source, tmp_path / "O"), (nasty, tmp_path / "N")):
        assert augcli("generate", given, out, "-r", "flip").returncode == 0
        loaded = keras.utils.image_dataset_from_directory(
            out / "train", batch_size=None, shuffle=False, image_size=(8, 8), verbose=False
        )
        ids = [int(label) for _, label in loaded]
        names = [below(path, out / "train") for path in loaded.file_paths]
        assert dict(zip(names, ids, strict=True)) == rows(out / "train")


def test_datasets(source: Path, tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(source), cache_dir=str(tmp_path / "cache")
    )
    listing = list_source(source)
    assert list(listing.classes) == loaded["train"].features["label"].names
    for name, part in (("train", listing), ("validation", listing.others[0])):
        counts = Counter(loaded[name]["label"])
        assert np.bincount(part.class_of).tolist() == [counts[i] for i in range(max(counts) + 1)]


def test_mnist_of_torchvision(tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("torchvision.datasets")
    write_mnist(tmp_path / "root/MNIST/raw")
    theirs = datasets.MNIST(tmp_path / "root", train=True)
    listing = list_source(tmp_path / "root")
    assert [listing.classes[i] for i in listing.class_of] == [str(int(t)) for t in theirs.targets]
    pixels = decode(read_image(listing, 1, 100_000))[..., 0]
    assert np.array_equal(pixels, theirs.data[1].numpy())


def test_cifar_of_torchvision(tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("torchvision.datasets")

    class Cifar(datasets.CIFAR10):  # type: ignore[misc]
        train_list = (("data_batch_1", None), ("data_batch_2", None))
        test_list = (("test_batch", None),)
        meta = {"filename": "batches.meta", "key": "label_names", "md5": None}  # noqa: RUF012

    write_ten(tmp_path / "cifar-10-batches-py", python2_pickle)
    theirs, listing = Cifar(tmp_path, train=True), list_source(tmp_path)
    assert list(listing.classes) == theirs.classes == TEN
    assert listing.class_of.tolist() == theirs.targets
    for index in (0, 13):
        assert np.array_equal(decode(read_image(listing, index, 100_000)), theirs.data[index])
