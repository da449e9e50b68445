"""Sources whose images have several classes, or none: `--multi-label`."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from augcli.data.listing import Listing, with_classes
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from tests.data.test_listing import fill
from tests.data.test_table_kinds import KINDS, write_table
from tests.helpers.archives import write_tar

Targets = dict[str, float]


def multi(**options: Any) -> SourceOptions:
    return SourceOptions(labels=Labels.multi, **options)


def targets(listing: Listing) -> list[Targets]:
    assert listing.labels is Labels.multi
    labels = [listing.label(index) for index in range(len(listing))]
    return [
        {listing.classes[i]: weight for i, weight in zip(one.ids, one.weights, strict=True)}
        for one in labels
    ]


def png(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), level).save(file, "PNG")
    return file.getvalue()


def refusal(source: Path, options: SourceOptions | None = None) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source, options)
    assert str(refused.value).isprintable()
    return str(refused.value).replace(str(source), "SOURCE")


ROBOFLOW = "filename, cat, dog, fish\n1.jpg, 1, 0, 0\n2.jpg, 1, 1, 0\n3.jpg, 0, 0, 0\n"


def test_roboflow_writes_a_table_of_flags_into_each_split(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        fill(tmp_path, *(f"{split}/{number}.jpg" for number in (1, 2, 3)))
        (tmp_path / split / "_classes.csv").write_text(ROBOFLOW)
    assert refusal(tmp_path) == (
        "SOURCE/train/_classes.csv, line 3: the image has 2 classes; fix it, or give --multi-label"
        " if an image may have several classes or none."
    )
    listing = list_source(tmp_path, multi())
    assert (listing.split, listing.classes) == ("train", ("cat", "dog", "fish"))
    expected = [{"cat": 1.0}, {"cat": 1.0, "dog": 1.0}, {}]
    assert targets(listing) == expected
    assert listing.class_of.tolist() == [0, 0, -1]
    assert [targets(other) for other in listing.others] == [expected]
    turned = with_classes(listing, ("fish", "dog", "cat"))
    assert targets(turned) == expected
    assert turned.class_of.tolist() == [2, 2, -1]


@pytest.mark.parametrize("name", KINDS)
def test_a_table_with_a_column_for_each_class(tmp_path: Path, name: str) -> None:
    rows = [{"image": "1.jpg", "a": 1, "b": 0, "split": "train"},
            {"image": "2.jpg", "a": 0.25, "b": 1, "split": "train"},
            {"image": "3.jpg", "a": 0, "b": 0, "split": "val"}]  # fmt: skip
    write_table(tmp_path / name, rows)
    listing = list_source(tmp_path / name, multi())
    assert listing.classes == ("a", "b")
    assert targets(listing) == [{"a": 1.0}, {"a": 0.25, "b": 1.0}]
    assert targets(listing.others[0]) == [{}]  # which has no class, and is no image without label
    write_table(tmp_path / name, [{**row, "width": 640} for row in rows])
    assert "not all others hold a target from 0 to 1 for each class" in refusal(
        tmp_path / name, multi()
    )
    listing = list_source(tmp_path / name, multi(classes=("b", "a", "c")))
    assert listing.classes == ("b", "a", "c")
    assert targets(listing) == [{"a": 1.0}, {"a": 0.25, "b": 1.0}]
    assert any("1 column is not read (width)" in warning for warning in listing.warnings)


@pytest.mark.parametrize("cell", ["2", "-1", "", "yes", "nan", "1e5", "0x1", "1_0"])
def test_a_target_is_a_number_from_0_to_1(tmp_path: Path, cell: str) -> None:
    source = tmp_path / "_classes.csv"
    source.write_text(f"filename,a,b\n1.jpg,0,1\n2.jpg,1,{cell}\n")
    assert refusal(source, multi()) == (
        f"SOURCE, line 3: targets of classes are numbers from 0 to 1, and"
        f" {cell or 'an empty text'} is none; fix it."
    )


@pytest.mark.parametrize("name", [one for one in KINDS if "csv" in one or "tsv" in one])
def test_a_column_of_texts_is_divided(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    values = ["cat|dog", "dog", "", " fish | cat |cat"]
    write_table(source, [{"path": f"{n}.jpg", "label": one} for n, one in enumerate(values)])
    listing = list_source(source, multi(label_separator="|"))
    assert listing.classes == ("cat", "dog", "fish")
    assert targets(listing) == [
        {"cat": 1.0, "dog": 1.0}, {"dog": 1.0}, {}, {"fish": 1.0, "cat": 1.0}
    ]  # fmt: skip
    assert refusal(source, multi()) == (
        "SOURCE, line 2: the label cat|dog is a text; say with --label-separator what stands"
        " between the names of several classes."
    )
    write_table(source, [{"path": "1.jpg", "label": "3 1"}, {"path": "2.jpg", "label": "10"}])
    assert list_source(source, multi(label_separator=" ")).classes == ("1", "3", "10")
    named = list_source(source, multi(label_separator=" ", classes=tuple("abcdefghijk")))
    assert targets(named) == [{"d": 1.0, "b": 1.0}, {"k": 1.0}]


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.parquet"])
def test_lists_of_names_and_of_ids(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    lists: list[Any] = [["b", "a"], [], None, ["b", "b"]]
    rows = [{"path": f"{n}.jpg", "labels": one} for n, one in enumerate(lists)]
    write(source, rows)
    listing = list_source(source, multi())
    assert listing.classes == ("a", "b")
    assert targets(listing) == [{"b": 1.0, "a": 1.0}, {}, {}, {"b": 1.0}]
    said = refusal(source, SourceOptions(label_column="labels"))
    assert (
        "is a list" in said
        and "the classes of an image that has several with --multi-label" in said
    )
    write(source, [{"path": "1.jpg", "labels": [3, 0]}, {"path": "2.jpg", "labels": [1]}])
    listing = list_source(source, multi())
    assert (listing.classes, targets(listing)) == (tuple("0123"), [{"3": 1, "0": 1}, {"1": 1}])
    assert list_source(source, multi(classes=tuple("wxyz"))).classes == tuple("wxyz")
    write(source, [{"path": "1.jpg", "labels": [["a"]]}])
    assert "in its list of labels is neither a name nor an integer; fix it" in refusal(
        source, multi()
    )
    write(source, [{"path": "1.jpg", "labels": []}])
    assert refusal(source, multi()) == (
        "SOURCE SOURCE has no class for any image; give --unlabelled to use images without labels."
    )


def write(source: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as they are, with lists and nulls."""
    if source.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), source)
        return
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    source.write_bytes(gzip.compress(text) if source.suffix == ".gz" else text)


def test_a_column_of_weights_need_not_sum_to_1(tmp_path: Path) -> None:
    source = tmp_path / "t.jsonl"
    weights: list[Any] = [[0.5, 0.75, 0.0], [0, 0, 0], [0, 0, 1]]
    write(source, [{"path": f"{n}.jpg", "w": one} for n, one in enumerate(weights)])
    listing = list_source(source, multi(weights_column="w"))
    assert targets(listing) == [{"0": 0.5, "1": 0.75}, {}, {"2": 1.0}]
    assert "give --multi-label if an image may have" in refusal(
        source, SourceOptions(weights_column="w")
    )
    write(source, [{"path": "1.jpg", "w": [0.5, 1.5]}])
    assert refusal(source, multi(weights_column="w")) == (
        "SOURCE, line 1: its label weights are not numbers from 0 to 1; fix them."
    )


def test_metadata_of_a_folder(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    file = tmp_path / "metadata.jsonl"
    for key in ("label", "labels"):
        lists: list[Any] = [["b", "a"], [], ["c"]]
        write(file, [{"file_name": f"{n}.jpg", key: one} for n, one in enumerate(lists, 1)])
        listing = list_source(tmp_path, multi())
        assert (listing.reader, listing.classes) == ("metadata", ("a", "b", "c"))
        assert targets(listing) == [{"b": 1.0, "a": 1.0}, {}, {"c": 1.0}]
    write(file, [{"file_name": "1.jpg", "label": ["b"]}])
    assert refusal(tmp_path) == (
        "SOURCE/metadata.jsonl, line 1: its label is a list; write one class, or give --multi-label"
        " if an image may have several classes or none."
    )
    for row, expected in (
        ({"label_ids": [2, 0], "label_weights": [0.5, 1.0]}, {"2": 0.5, "0": 1.0}),
        ({"label_ids": [], "label_weights": []}, {}),
        ({"soft_label": [0.0, 0.25, 1.0]}, {"1": 0.25, "2": 1.0}),
        ({"label": 2}, {"2": 1.0}),
    ):
        write(
            file, [{"file_name": "1.jpg", "soft_label": [1, 1, 1]}, {"file_name": "2.jpg", **row}]
        )
        assert targets(list_source(tmp_path, multi())) == [{"0": 1.0, "1": 1.0, "2": 1.0}, expected]
    for row in (
        {"label_ids": [0, 0], "label_weights": [0.5, 1.0]},
        {"label_ids": [0], "label_weights": [1.5]},
        {"label_ids": [0], "label_weights": [0.5, 0.5]},
    ):
        write(file, [{"file_name": "1.jpg", **row}])
        assert refusal(tmp_path, multi()) == (
            "SOURCE/metadata.jsonl, line 1: its label weights are not numbers from 0 to 1, one for"
            " each class; fix them."
        )
    file.unlink()
    (tmp_path / "metadata.csv").write_text("file_name,label\n1.jpg,cat dog\n2.jpg,\n3.jpg,dog\n")
    listing = list_source(tmp_path, multi(label_separator=" "))
    assert targets(listing) == [{"cat": 1.0, "dog": 1.0}, {}, {"dog": 1.0}]


def test_class_folders_joined_by_a_separator(tmp_path: Path) -> None:
    fill(tmp_path, "cat/1.jpg", "cat,dog/2.jpg", "fish, dog/deep/3.jpg")
    listing = list_source(tmp_path, multi(label_separator=","))
    assert listing.classes == ("cat", "dog", "fish")
    assert targets(listing) == [{"cat": 1.0}, {"cat": 1.0, "dog": 1.0}, {"fish": 1.0, "dog": 1.0}]
    assert refusal(tmp_path, multi()) == (
        "SOURCE SOURCE, a folder with one folder a class, has one class for each image; say with"
        " --label-separator what stands between the names of several, or leave out --multi-label."
    )


def test_lists_in_the_json_of_webdataset(tmp_path: Path) -> None:
    source = tmp_path / "a.tar"

    def shard(labels: list[Any], ending: str = "json") -> Path:
        members: dict[str, bytes] = {}
        for key, label in enumerate(labels):
            members[f"{key}.jpg"] = b"x"
            members[f"{key}.{ending}"] = json.dumps(label).encode() if ending == "json" else label
        return write_tar(source, members)

    shard([{"label": ["b", "a"]}, {"label": []}, {"label": ["a"]}])
    assert targets(list_source(source, multi())) == [{"b": 1.0, "a": 1.0}, {}, {"a": 1.0}]
    assert refusal(source) == (
        "SOURCE SOURCE: no .json has a label that is an integer or a text of at most 255 bytes; fix"
        " them, or give --multi-label if an image may have several classes or none."
    )
    shard([{"tags": [2, 0]}, {"tags": [1]}])
    listing = list_source(source, multi(label_column="tags", classes=("x", "y", "z")))
    assert targets(listing) == [{"z": 1.0, "x": 1.0}, {"y": 1.0}]
    shard([b"cat dog", b"", b"dog"], "cls")
    listing = list_source(source, multi(label_separator=" "))
    assert targets(listing) == [{"cat": 1.0, "dog": 1.0}, {}, {"dog": 1.0}]
    shard([{"label": ["b"]}, {"label": [1.5]}])
    assert "1.jpg has no label" in refusal(source, multi())


def test_sequences_of_class_labels_as_datasets_writes_them(tmp_path: Path) -> None:
    names = ["cat", "dog", "fish"]
    features = datasets.Features({
        "image": datasets.Image(),
        "labels": datasets.Sequence(datasets.ClassLabel(names=names)),
    })  # fmt: skip
    lists = [[0, 2], [], [1]]
    images = [{"bytes": png(n), "path": None} for n in range(3)]
    table = datasets.Dataset.from_dict({"image": images, "labels": lists}, features=features)
    table.to_parquet(tmp_path / "train-00000-of-00001.parquet")
    table.save_to_disk(str(tmp_path / "arrow"))
    expected = [{"cat": 1.0, "fish": 1.0}, {}, {"dog": 1.0}]
    for source in (tmp_path / "train-00000-of-00001.parquet", tmp_path / "arrow"):
        listing = list_source(source, multi())
        assert listing.classes == tuple(names)
        assert targets(listing) == expected
        said = refusal(source)
        assert "the column labels holds lists; give --multi-label if an image may have" in said
    paths = datasets.Dataset.from_dict(
        {"path": ["1.jpg", "2.jpg", "3.jpg"], "labels": lists},
        features=datasets.Features({"path": datasets.Value("string"), **{
            "labels": features["labels"]}}),
    )  # fmt: skip
    paths.to_parquet(tmp_path / "paths.parquet")
    assert targets(list_source(tmp_path / "paths.parquet", multi())) == expected


def test_texts_with_separators_beside_images_in_parquet(tmp_path: Path) -> None:
    images = [{"bytes": png(n), "path": None} for n in range(3)]
    table = pa.table({"image": images, "label": ["cat|dog", None, "dog"]})
    pq.write_table(table, tmp_path / "a.parquet")
    listing = list_source(tmp_path / "a.parquet", multi(label_separator="|"))
    assert targets(listing) == [{"cat": 1.0, "dog": 1.0}, {}, {"dog": 1.0}]
    assert "row 0: the label cat|dog is a text; say with --label-separator" in refusal(
        tmp_path / "a.parquet", multi()
    )


@pytest.mark.parametrize("dtype", ["uint8", "float32", "bool"])
def test_arrays_of_targets(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8), np.uint8))
    np.save(tmp_path / "labels.npy", np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], dtype))
    expected = [{"0": 1.0, "2": 1.0}, {}, {"1": 1.0}]
    assert targets(list_source(tmp_path, multi())) == expected
    assert "give --multi-label if an image may have several classes" in refusal(tmp_path)
    np.save(tmp_path / "labels.npy", np.array([[0.5, 1.5]] * 3))
    assert "row 0 has targets that are not numbers from 0 to 1" in refusal(tmp_path, multi())
    np.save(tmp_path / "labels.npy", np.array([0, 1, 0]))
    assert "multi-label targets have (n, classes): leave out --multi-label" in refusal(
        tmp_path, multi()
    )


def test_classes_cannot_be_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg")
    (tmp_path / "_classes.csv").write_text("filename,a,b\n1.jpg,1,1\n")
    assert "leave out --classes-include and --classes-exclude" in refusal(
        tmp_path, multi(classes_include=("a",))
    )


def test_options_that_labels_make_useless_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.jpg")
    assert refusal(tmp_path, SourceOptions(label_separator="|")) == (
        "--label-separator has no effect without --multi-label; add that, or leave it out."
    )
    for name, value in (
        ("classes", ("a",)), ("classes_include", ("a",)), ("classes_exclude", ("a",)),
        ("label_column", "x"), ("weights_column", "x"), ("allow_empty_classes", True),
    ):  # fmt: skip
        assert refusal(tmp_path, SourceOptions(labels=Labels.none, **{name: value})) == (
            f"--{name.replace('_', '-')} has no effect with --unlabelled, which reads no labels;"
            " leave one of them out."
        )


def test_a_separator_where_nothing_is_divided_is_refused(tmp_path: Path) -> None:
    options = multi(label_separator="|")
    (tmp_path / "_classes.csv").write_text(ROBOFLOW)
    assert refusal(tmp_path / "_classes.csv", options) == (
        "--label-separator has no effect on SOURCE SOURCE, which has a column for each class; leave"
        " it out."
    )
    write(tmp_path / "t.jsonl", [{"path": "1.jpg", "w": [0.5, 1]}])
    weights = multi(label_separator="|", weights_column="w")
    assert "SOURCE, which has weights; leave it out." in refusal(tmp_path / "t.jsonl", weights)
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8), np.uint8))
    (tmp_path / "_classes.csv").unlink()
    assert "which has a target for each class; leave it out." in refusal(tmp_path, options)
