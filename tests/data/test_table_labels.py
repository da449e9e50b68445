"""Soft labels and flags of classes in tables."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.data.test_listing import fill
from tests.data.test_table_kinds import KINDS, write_table

WEIGHTS = [{"b": 0.25, "a": 0.75}, {"a": 0.0, "b": 1.0}]


@pytest.mark.parametrize("name", KINDS[2:])
def test_a_column_of_weights(tmp_path: Path, name: str) -> None:
    is_text = ".csv" in name or ".tsv" in name
    for values, classes, expected in (
        ([list(row.values()) for row in WEIGHTS], ("0", "1"), [{0: 0.25, 1: 0.75}, {1: 1.0}]),
        (WEIGHTS, ("a", "b"), [{0: 0.75, 1: 0.25}, {1: 1.0}]),
    ):
        cells = [f'"{json.dumps(one).replace(chr(34), chr(34) * 2)}"' for one in values]
        rows = [{"path": f"{number}.jpg", "w": cells[number] if is_text else value}
                for number, value in enumerate(values)]  # fmt: skip
        source = write_table(tmp_path / name, rows)
        listing = list_source(source, SourceOptions(weights_column="w"))
        assert listing.classes == classes
        actual = [listing.label(index) for index in range(2)]
        assert [dict(zip(*label, strict=True)) for label in actual] == expected
        assert listing.class_of.tolist() == [label.dominant for label in actual]
        source.unlink()


def test_rounded_weights_are_normalised_and_counted(tmp_path: Path) -> None:
    exact = np.random.default_rng(0).dirichlet(np.ones(10), 3)
    rows = [{"path": f"h{at}.jpg", "w": row.astype(np.float16).astype(float).tolist()}
            for at, row in enumerate(exact)]  # fmt: skip
    rows += [{"path": f"r{at}.jpg", "w": [round(one, 4) for one in row]}
             for at, row in enumerate(exact / exact.sum(1, keepdims=True) * 0.9999)]  # fmt: skip
    rows += [{"path": "e.jpg", "w": [0.5, 0.5] + [0.0] * 8}]
    source = write_table(tmp_path / "t.jsonl", rows)
    listing = list_source(source, SourceOptions(weights_column="w"))
    for index in range(3):
        label = listing.label(index)
        assert abs(sum(label.weights) - 1.0) < 1e-12
        assert np.allclose(label.weights, exact[index], atol=1e-3)
    (warning,) = listing.warnings
    off = sum(abs(sum(row["w"]) - 1) > 1e-6 for row in rows)
    assert off >= 3
    assert warning == (
        f"{source}: {off} rows have weights whose sum is not exactly 1, but within 0.01 of it, as"
        " after rounding; they are divided by their sum."
    )
    for weights, message in (
        ([0.5, 0.511] + [0.0] * 8, r"line 2: its label weights are not positive with the sum 1"),
        ([1.5, -0.5] + [0.0] * 8, "line 2: its label weights"),
        ([1.0], r"line 2: it has 1 weight, and .*line 1 10; fix one"),
        (["1.0"], "line 2: a weight is no number"),
        ("x", "line 2: x is neither a list of weights nor an object"),
        (0.5, "line 2: 0.5 is neither a list of weights nor an object"),
        ({"a": 0.5, "a ": 0.5}, "line 2: its weights name a class twice"),
        (None, r"line 2: 2\.jpg has no label"),
    ):
        write_table(source, [rows[-1], {"path": "2.jpg", "w": weights}])
        with pytest.raises(UserError, match=message):
            list_source(source, SourceOptions(weights_column="w"))


def test_flags_of_classes_as_roboflow_writes_them(tmp_path: Path) -> None:
    fill(tmp_path, "train/1.jpg", "train/2.jpg", "train/deep/3.jpg")
    source = tmp_path / "train/_classes.csv"
    source.write_text("filename, cat, a dog, rare\n1.jpg, 0, 1, 0\n2.jpg, 1, 0, 0\n")
    for place in (source, source.parent):
        listing = list_source(place)
        assert (listing.reader, listing.classes) == ("table", ("cat", "a dog", "rare"))
        assert listing.class_of.tolist() == [1, 0]
        assert listing.path(0) == os.fsencode(source.parent / "1.jpg")
    for text, message in (
        ("filename,a,b\n1.jpg,0,1\n2.jpg,1,1\n", r"line 3: the image has 2 classes; fix it, or"
         r" give --multi-label if an image may have several classes or none\."),
        ("filename,a,b\n1.jpg,0,0\n", "line 2: the image has no class; fix it, or give --mult"),
        ("filename,a,b\n1.jpg,0,2\n", "line 2: 2 is neither 0 nor 1; fix it"),
        ("filename,a, a\n1.jpg,0,1\n", "line 1: two columns are named a; each names its class"),
        ("filename\n1.jpg\n", "line 1: it has no column of a class"),
        ("a,b\n0,1\n", "line 1: it has the columns a and b, and none of paths"),
        ("filename,a\n", "has no rows"),
    ):  # fmt: skip
        source.write_text(text)
        with pytest.raises(UserError, match=message):
            list_source(source)
