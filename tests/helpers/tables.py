"""Data sets of Hugging Face's datasets, for tests."""

from __future__ import annotations

import io
from typing import Any

import datasets
import numpy as np
from PIL import Image

CLASSES = ["wasp", "ant", "bee"]


def picture(seed: int, form: str = "JPEG", size: tuple[int, int] = (24, 20)) -> bytes:
    """A smooth picture that differs with its seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
    stream = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(stream, form)
    return stream.getvalue()


def labelled(count: int, seed: int = 0, form: str = "JPEG", **columns: Any) -> datasets.Dataset:
    """Images with labels of CLASSES, bytes inside, and further columns."""
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)}
    values: dict[str, Any] = {
        "image": [{"bytes": picture(seed + i, form), "path": None} for i in range(count)],
        "label": [(i + seed) % 3 for i in range(count)],
    }
    for name, (feature, column) in columns.items():
        features[name], values[name] = feature, column
    return datasets.Dataset.from_dict(values, features=datasets.Features(features))


def bytes_of(data: datasets.Dataset) -> list[bytes]:
    """The image files inside, as `datasets` reads them."""
    plain = data.cast_column("image", datasets.Image(decode=False))
    return [row["image"]["bytes"] for row in plain]
