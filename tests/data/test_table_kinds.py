"""Tables of every kind as a source: their columns, the places of their images, their splits."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data import unpacked
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.conftest import Augcli, tree
from tests.data.test_listing import fill

KINDS = ("t.csv", "t.tsv", "t.jsonl", "t.ndjson", "t.parquet", "t.csv.gz", "t.tsv.gz", "t.jsonl.gz")


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A table of the kind that its name says."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return path
    if name.endswith("json") or name.endswith("jsonl"):
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        divider = "\t" if name.endswith(".tsv") else ","
        lines = [list(rows[0]), *(list(map(str, row.values())) for row in rows)]
        text = "".join(divider.join(line) + "\n" for line in lines)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def labelled(source: Path, **options: Any) -> list[tuple[str, str]]:
    listing = list_source(source, SourceOptions(**options))
    samples = [listing.sample(index) for index in range(len(listing))]
    return [(sample.relative, listing.classes[sample.label.dominant]) for sample in samples]


@pytest.mark.parametrize("name", KINDS)
def test_one_table_is_the_same_source_in_every_kind(tmp_path: Path, name: str) -> None:
    rows = [
        {"path": "a/1.jpg", "label": "dog ", "split": "train", "w": 1},
        {"path": "b/2.jpg", "label": "cat", "split": "val", "w": 2},
        {"path": "b/3.jpg", "label": "cat", "split": "train", "w": 3},
        {"path": "b/4.jpg", "label": "dog", "split": "test", "w": 4},
    ]
    source = write_table(tmp_path / name, rows)
    listing = list_source(source)
    assert (listing.reader, listing.classes, listing.split) == ("table", ("cat", "dog"), "train")
    assert labelled(source) == [("a/1.jpg", "dog"), ("b/3.jpg", "cat")]
    assert listing.warnings == (
        f"{source}: 1 column is not read (w).",
        f"{source}: 1 label with blanks around it read without.",
    )
    assert [(one.split, one.classes, len(one)) for one in listing.others] == [
        ("val", ("cat", "dog"), 1),
        ("test", ("cat", "dog"), 1),
    ]
    assert listing.others[1].sample(0).relative == "b/4.jpg"
    assert labelled(source, split="test") == [("b/4.jpg", "dog")]
    other = list_source(write_table(tmp_path / "same.csv", rows))
    assert other.fingerprint() == listing.fingerprint()
    for wrong, message in (
        (
            {"path_column": "pth"},
            r"it has no column pth \(did you mean 'path'\?\), but path, label",
        ),
        (
            {"split": "Vall"},
            r"has no split Vall in its column split \(did you mean 'val'\?\); --split is one of"
            " train, val or test",
        ),
        ({"label_column": "path"}, "the column path is that of paths; choose another"),
        ({"images": str(tmp_path / "no")}, "--images .*/no is no folder"),
        ({"allow_empty_classes": True}, "--allow-empty-classes has no effect on SOURCE"),
        (
            {"label_column": "label", "weights_column": "w"},
            "--label-column and --weights-column both say what the labels are; give one",
        ),
    ):
        with pytest.raises(UserError, match=message):
            list_source(source, SourceOptions(**wrong))


@pytest.mark.parametrize("name", KINDS)
def test_columns_are_chosen_by_options(tmp_path: Path, name: str) -> None:
    rows = [{"picture": "1", "kind": "a", "path": "x"}, {"picture": "2", "kind": "b", "path": "y"}]
    source = write_table(tmp_path / name, rows)
    options = {"path_column": "Picture", "label_column": "kind", "suffix": ".png"}
    images = tmp_path / "elsewhere"
    images.mkdir()
    listing = list_source(source, SourceOptions(**options, images=str(images)))
    assert listing.path(1) == os.fsencode(images / "2.png")
    assert labelled(source, **options) == [("1.png", "a"), ("2.png", "b")]


def test_integers_are_ids_and_keep_their_gaps(tmp_path: Path) -> None:
    rows = [{"path": f"{number}.jpg", "label": number} for number in (4, 2, 0)]
    for name in ("t.jsonl", "t.parquet"):
        source = write_table(tmp_path / name, rows)
        assert list_source(source).classes == ("0", "1", "2", "3", "4")
        assert list_source(source).class_of.tolist() == [4, 2, 0]
        names = ("a", "b", "c", "d", "e", "f")
        assert list_source(source, SourceOptions(classes=names)).classes == names
        with pytest.raises(UserError, match=r"(line|row) 1: class 4 is not one of 3 classes"):
            list_source(source, SourceOptions(classes=names[:3]))
    source = write_table(tmp_path / "t.csv", rows)
    listing = list_source(source)
    assert listing.classes == ("0", "2", "4")
    assert listing.warnings == (
        f"{source}: the labels are numbers and taken as names, so that 2 has the id 1; give"
        " --classes to number them otherwise.",
    )
    listing = list_source(source, SourceOptions(classes=names))
    assert (listing.classes, listing.class_of.tolist()) == (names, [4, 2, 0])
    assert listing.warnings == ()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"path": "1.jpg", "label": 1.5}], "line 1: the label 1.5 is neither text nor an integer"),
        ([{"path": "1.jpg", "label": True}], "the label true is neither text nor an integer"),
        (
            [{"path": "1.jpg", "label": ["a"]}],
            r"line 1: the label \[\"a\"\] is a list; a weight for each class",
        ),
        (
            [{"path": "1.jpg", "label": 0}, {"path": "2.jpg", "label": "b"}],
            'line 2: the label "b" is text, and those before are not; write all as ids',
        ),
        ([{"path": "1.jpg", "label": 10**7}], "line 1: class 10000000 is not one of 1000000 class"),
        ([{"path": "1.jpg", "label": "a"}, {"path": "2.jpg"}], "line 2: 2.jpg has no label"),
        ([{"path": "1.jpg", "label": "a"}, {"label": "a"}], "line 2:  is no path of an image"),
        ([{"path": "1.jpg", "label": "a"}] * 2, "line 2: it names 1.jpg twice, before in line 1;"),
        (
            [{"path": "1.jpg", "label": "a"}, {"path": "./1.jpg", "label": "b"}],
            "line 2: it names 1.jpg twice, before in line 1, as a and as b; remove one of them",
        ),
        ([{"path": "1.jpg", "label": 0}, {"path": "2.jpg", "label": -1}], "line 2: 2.jpg has no"),
        ([["path"]], "line 1: it is no JSON object; put one object a line"),
        ([{"path": "http://x/1.jpg", "label": 0}], "line 1: http://x/1.jpg is a URL"),
        (
            [{"path": "1.jpg", "label": 0, "split": s} for s in ("val", "test")],
            r"has no training split in its column split \(its splits are val and test\); say with",
        ),
        (
            [{"path": "1.jpg", "label": 0, "split": s} for s in ("train", "")],
            "line 2: the column split is empty there; name a split",
        ),
    ],
)
def test_refusals_name_the_line(tmp_path: Path, rows: list[Any], message: str) -> None:
    if "split" in message:
        rows = [{**row, "path": f"{number}.jpg"} for number, row in enumerate(rows)]
    with pytest.raises(UserError, match=message):
        list_source(write_table(tmp_path / "t.jsonl", rows))


def test_lines_of_json_that_are_none(tmp_path: Path) -> None:
    source = tmp_path / "t.jsonl"
    good = '{"path": "1.jpg", "label": "a"}\n'
    for text, message in (
        ("", "it is empty; name the columns there"),
        ('{\n"path": 1}', "line 1: it is no whole JSON object; put one object a line"),
        (good + "{", r"line 2: it is no JSON; fix or remove it"),
        (good + '{"path": "2.jpg", "path": "3.jpg", "label": "a"}', "the key 'path' stands in it"),
        (good + '{"path": ' + "[" * 9999, "line 2: it is no JSON"),
        (good + '{"path": NaN, "label": ' + "[" * 99999, "line 2: it is nested too deeply"),
        (good + "x" * ((1 << 24) + 1), "line 2 is longer than 16 MiB"),
        (good.encode("utf-16"), "cannot be read: it is in UTF-16"),
    ):
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(UserError, match=message):
            list_source(source)
    source.write_text(
        "\ufeff\n" + good + "\n  \n" + good.replace("1.", "2.").replace('"a"', '"a\\n"')
    )
    assert labelled(source) == [("1.jpg", "a"), ("2.jpg", "a")]


def test_a_gzip_file_that_is_none_or_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked, "_LEAST", 1 << 20)
    whole = gzip.compress(b"path,label\n" + b"".join(b"%d.jpg,a\n" % n for n in range(9999)))
    source = tmp_path / "t.csv.gz"
    for data, message in (
        (
            gzip.compress(
                b"path,label\n1.jpg,a\n"
                + b"".join(b"%d.jpg,%s\n" % (n, b"a" * 99_999) for n in range(170))
            ),
            "more than 200 times its size",
        ),
        (whole[:-9], "is no whole gzip file; copy it again, or unpack it"),
        (b"path,label\n", "is no whole gzip file"),
        (whole[:20] + b"\xff" * 20 + whole[40:], "is no whole gzip file"),
    ):
        source.write_bytes(data)
        with pytest.raises(UserError, match=message):
            list_source(source)
    source.write_bytes(whole)
    assert len(list_source(source)) == 9999


def test_parquet_that_is_none_or_holds_images(tmp_path: Path) -> None:
    source = write_table(tmp_path / "t.parquet", [{"path": "1.jpg", "label": "a"}] * 9)
    data = source.read_bytes()
    for broken in (b"", data[:-20], data[:4] + b"\0" * (len(data) - 8) + data[-4:]):
        source.write_bytes(broken)
        with pytest.raises(UserError, match=r"t\.parquet is no whole Parquet file;"):
            list_source(source)
    write_table(source, [{"image": {"bytes": b"x", "path": "1.jpg"}, "label": 0}])
    try:
        reader = list_source(source).reader
    except UserError as error:
        assert "is a file; give" in str(error)
    else:
        assert reader != "table"


def test_without_pyarrow_the_extra_is_named(augcli: Augcli, tmp_path: Path) -> None:
    source = write_table(tmp_path / "t.parquet", [{"path": "1.jpg", "label": "a"}])
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow/sitecustomize.py").write_text("import sys\nsys.modules['pyarrow'] = None\n")
    env = {"PYTHONPATH": f"{tmp_path / 'shadow'}:{Path.cwd()}"}
    result = augcli("generate", source, tmp_path / "out", "-r", "flip", env=env)
    assert (result.returncode, result.stderr) == (
        2, f"augcli: {source} is read with pyarrow; run pip install 'augcli[parquet]'.\n",
    )  # fmt: skip


def test_class_names_of_a_schema(tmp_path: Path) -> None:
    features = {"label": {"names": ["z", "a", "m"], "_type": "ClassLabel"}}
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"path": ["1.jpg", "2.jpg"], "label": [2, 0]}).replace_schema_metadata(said)
    pq.write_table(table, tmp_path / "t.parquet")
    listing = list_source(tmp_path / "t.parquet")
    assert (listing.classes, listing.class_of.tolist()) == (("z", "a", "m"), [2, 0])


def test_a_table_as_kaggle_has_it(tmp_path: Path) -> None:
    """Names without a suffix: found beside the table, or the options are named."""
    fill(tmp_path, "data/7.JPG", "data/8.JPG", "in/train/000a.jpg", "in/test/000a.jpg")
    text = "image_id,breed\n7,pug\n8,boxer\n"
    (tmp_path / "data/labels.csv").write_text(text)
    assert labelled(tmp_path / "data/labels.csv") == [("7.JPG", "pug"), ("8.JPG", "boxer")]
    source = tmp_path / "in/train.csv"
    source.write_text("id,breed\n000a,pug\n")
    with pytest.raises(UserError) as refused:
        list_source(source)
    assert str(refused.value) == (
        f"SOURCE {source}: the images that it names first, as 000a, do not lie beside it, but in"
        f" {tmp_path}/in/train; give --images {tmp_path}/in/train --suffix .jpg."
    )
    options = {"images": str(tmp_path / "in/train"), "suffix": ".jpg"}
    assert labelled(source, **options) == [("000a.jpg", "pug")]
    assert labelled(source, images=options["images"]) == [("000a.jpg", "pug")]
    source.write_text("id,breed\n000a.jpg,pug\n")
    with pytest.raises(UserError, match=r"but in .*/in/train; give --images .*/in/train\."):
        list_source(source)
    source.write_text("id,breed\nnowhere,pug\n")
    with pytest.raises(UserError, match=r"as nowhere, are no files in .*--images.*--suffix\."):
        list_source(source)
    fill(tmp_path, "data/7.png")
    with pytest.raises(UserError, match=r"files with \.JPG and \.png; choose one with --suffix\."):
        list_source(tmp_path / "data/labels.csv")


def test_a_column_of_labels_is_not_guessed(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    rows = [f"{number}.jpg,{number / 7}\n" for number in range(30)]
    for text, message in (
        ("image,a,b\n1.jpg,x,y\n", "none of labels; name one of them label, class or class_name, or"
         " choose one with --label-column"),
        ("image,caption\n1.jpg,a dog\n", "none of labels"),
        ("image,score\n" + "".join(rows), "the only other one, score, has another value in most"),
        ("id,cat,dog\n1.jpg,0,1\n2.jpg,1,0\n", "one of 0 and 1 for each class, as it seems; give"
         " --multi-label to read it so, or choose a --label-column"),
    ):  # fmt: skip
        source.write_text(text)
        with pytest.raises(UserError, match=message):
            list_source(source)
    source.write_text("image,score\n" + "".join(rows))
    assert len(list_source(source, SourceOptions(label_column="score")).classes) == 30


def test_other_columns_divide_only_where_they_name_a_training_split(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    rows = "1.jpg,a,Train,0\n2.jpg,a,valid,1\n3.jpg,b,Train,2\n"
    source.write_text("path,label,subset,fold\n" + rows)
    listing = list_source(source)
    assert (len(listing), listing.split, listing.others[0].split) == (2, "Train", "valid")
    assert listing.warnings == (
        f"{source}: the column fold is not read, and has several values (0, 1, 2): all rows are"
        " used; keep only those that are meant.",
    )
    source.write_text("path,label,subset,phase\n1.jpg,a,train,train\n")
    with pytest.raises(UserError, match="has several columns of splits, subset and phase; rename"):
        list_source(source)
    source.write_text("path,label\n1.jpg,a\n")
    with pytest.raises(UserError, match=r"--split test: SOURCE .* has no column named split"):
        list_source(source, SourceOptions(split="test"))


def test_images_of_other_splits_may_lack_a_label(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("path,label,split\n1.jpg,a,train\n2.jpg,,test\n3.jpg,b,val\n4.jpg,,test\n")
    listing = list_source(source)
    assert [(one.split, len(one)) for one in listing.others] == [("val", 1)]
    assert listing.warnings == ("2 images of other splits without a label are left out.",)
    with pytest.raises(UserError, match=r"line 3: 2\.jpg has no label"):
        list_source(source, SourceOptions(split="test"))


@pytest.mark.parametrize("name", ["t.jsonl.gz", "t.parquet"])
def test_it_is_generated_from(augcli: Augcli, photos: Path, tmp_path: Path, name: str) -> None:
    files = sorted(path.relative_to(photos) for path in photos.glob("*/*"))
    rows = [{"picture": file.with_suffix("").as_posix(), "label": file.parts[0],
             "split": "test" if "0" in file.name else "train"}
            for file in files if file.suffix == ".jpg"]  # fmt: skip
    source = write_table(tmp_path / name, rows)
    options = ("--path-column", "picture", "--images", photos, "--suffix", ".jpg")
    out = tmp_path / "out"
    result = augcli("generate", source, out, "-r", "mixup", *options)
    assert (result.returncode, result.stderr) == (0, "")
    before = tree(out / "train")
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    assert {row["class_name"] for row in rows} == {"ant", "bee", "cow"}
    assert not any("0.jpg" in path for row in rows for path in row["source_paths"])
    assert augcli("verify", out, "--replay").returncode == 0
    next((out / "train").glob("*/*.jpg")).unlink()
    assert augcli("verify", out, "--repair").returncode == 0
    assert tree(out / "train") == before
    result = augcli("preview", source, "-r", "cutmix", "--to", tmp_path / "p.png", *options)
    assert (result.returncode, result.stderr) == (0, "")
