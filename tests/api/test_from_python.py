"""The blocks of the README's chapter "From Python" run as they stand there."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import pytest

import augcli
from tests.conftest import SAMPLE_DATA

GENERATE = """
import augcli

made = augcli.generate("sample_data", "flipped", recipe="flip", copies=2, size=(64, 64))
print(made.outputs, made.skipped, made.warnings)
"""

MANIFEST = """
manifest = augcli.open_manifest("flipped")
row, file = manifest[0], manifest.path(0)
labels = manifest.dense()                      # (rows, classes), float32
train, val = manifest.split_by_source(val=0.2)
table = manifest.to_pandas()
print(len(manifest), manifest.classes, row.source_ids, labels.shape, len(train), len(val))
"""

ARRAYS = """
import numpy as np
from PIL import Image

files = [manifest.path(i) for i in range(8)]
images = [np.asarray(Image.open(file).convert("RGB")) for file in files]
ids = [manifest[i].label for i in range(8)]
recipe = augcli.load_recipe("saliencymix", alpha=0.4)
mixed, soft, params = recipe(images, ids, seed=1, n_classes=5)
print(mixed[0].shape, soft[0], params[0]["lam"], params[0]["sources"])
"""

TRIPLETS = """
augcli.generate("sample_data", "views", recipe="augmix", set={"views": 2}, size=(64, 64))
for clean, aug1, aug2 in augcli.open_manifest("views").groups():
    print(clean.file_name, aug1.file_name, aug2.file_name)
"""

CHECKS = """
sheet = augcli.preview("sample_data", recipe="cutmix", examples=2, to="sheet.png")
print(sheet.size)
checked = augcli.verify("flipped", replay=5)
if not checked:
    print(checked.faults)
"""


def test_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "sample_data").symlink_to(SAMPLE_DATA)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", augcli.AugcliWarning)
        for block in (GENERATE, MANIFEST, ARRAYS, TRIPLETS, CHECKS):
            with contextlib.redirect_stdout(io.StringIO()) as text:
                exec(block, names)
            printed.append(text.getvalue())
    made, manifest, arrays, triplets, checks = printed
    assert made == "60 0 ()\n"
    assert manifest.startswith("60 ('cat', 'coffee', 'flower', 'rocket', 'temple') ['")
    assert manifest.endswith("(60, 5) 50 10\n")
    assert arrays.startswith("(64, 64, 3) [")
    assert len(triplets.splitlines()) == 30
    width, height = names["sheet"].size
    assert checks == f"({width}, {height})\n"
    assert names["checked"].replayed == 5
