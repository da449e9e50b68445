"""The readers that people use take an output directory as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augcli.manifest.row import Row
from tests.conftest import SAMPLE_DATA, Augcli


@pytest.fixture
def out(augcli: Augcli, tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    result = augcli(
        "generate", SAMPLE_DATA, folder, "-r", "saliencymix", "-k", 2, "--size", "64x48"
    )
    assert result.returncode == 0, result.stderr
    return folder


def test_rows_have_the_documented_columns_in_order(out: Path) -> None:
    for line in (out / "train/metadata.jsonl").open():
        assert list(json.loads(line)) == list(Row.model_fields)
        Row.model_validate_json(line)


def test_hugging_face_datasets(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    from datasets import load_dataset

    actual = load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"))
    assert list(actual) == ["train"]
    train = actual["train"]
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    assert len(train) == len(rows) == 60
    by_id = {row["sample_id"]: row for row in rows}
    for example in train:
        row = by_id.pop(example["sample_id"])
        assert example["image"].size == (64, 48)
        assert np.abs(np.array(example["soft_label"]) - row["soft_label"]).max() < 1e-6
        with Image.open(out / "train" / row["file_name"]) as image:
            np.testing.assert_array_equal(np.asarray(example["image"]), np.asarray(image))
        assert (example["label"], example["class_name"]) == (row["label"], row["class_name"])
        assert example["label_ids"] == row["label_ids"]
        assert example["label_weights"] == pytest.approx(row["label_weights"], abs=1e-7)
        assert example["boxes"] == row["boxes"]
        assert example["source_paths"] == row["source_paths"]
    assert not by_id


def test_image_folder_rule(out: Path) -> None:
    """torchvision's ImageFolder: folders are classes, sorted, each with at least one image."""
    classes = sorted(entry.name for entry in os.scandir(out / "train") if entry.is_dir())
    assert classes == (out / "classes.txt").read_text().split()
    images = [p for p in (out / "train").rglob("*") if p.suffix == ".jpg"]
    assert len(images) == 60
    for row in map(json.loads, (out / "train/metadata.jsonl").open()):
        assert row["file_name"].split("/")[0] == classes[row["label"]]
