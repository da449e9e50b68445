"""Parquet files with images inside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data import parquet_pages
from augcli.data.listing import UNKNOWN
from augcli.data.readers import parquet
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.errors import UnreadableImage, UserError
from tests.conftest import Augcli, write_photo
from tests.helpers.tables import CLASSES, bytes_of, labelled, picture


def write_hub(folder: Path, **splits: list[datasets.Dataset]) -> Path:
    """What push_to_hub writes."""
    folder.mkdir(parents=True)
    for split, shards in splits.items():
        for number, shard in enumerate(shards):
            name = f"{split}-{number:05}-of-{len(shards):05}.parquet"
            shard.to_parquet(folder / name)
    return folder


def test_a_folder_of_the_hub_is_read_as_datasets_reads_it(tmp_path: Path) -> None:
    test = labelled(4, 50, "PNG")
    train, validation = [labelled(7), labelled(5, 7)], [labelled(2, 90)]
    write_hub(tmp_path / "d/data", train=train, test=[test], validation=validation)
    (tmp_path / "d/README.md").write_text("---\n---\n")
    expected = datasets.load_dataset(str(tmp_path / "d"), cache_dir=str(tmp_path / "cache"))
    listing = list_source(tmp_path / "d")
    assert (listing.reader, listing.split, listing.are_files) == ("parquet", "train", False)
    assert [one.split for one in listing.others] == ["test", "validation"]
    for one in (listing, *listing.others):
        data = expected[one.split]
        assert one.classes == tuple(data.features["label"].names) == tuple(CLASSES)
        assert one.class_of.tolist() == data["label"]
        assert [read_image(one, i, 10_000) for i in range(len(one))] == bytes_of(data)
    paths = [listing.relative_path(index) for index in (0, 6, 7, 11)]
    assert paths == [b"data/train-00000-of-00002.parquet/0.jpg",
                     b"data/train-00000-of-00002.parquet/6.jpg",
                     b"data/train-00001-of-00002.parquet/0.jpg",
                     b"data/train-00001-of-00002.parquet/4.jpg"]  # fmt: skip
    assert listing.others[0].relative_path(3) == b"data/test-00000-of-00001.parquet/3.png"
    assert set(listing.sizes().tolist()) == {UNKNOWN}
    assert listing.fingerprint() == list_source(tmp_path / "d").fingerprint()
    other = list_source(tmp_path / "d", SourceOptions(split="validation"))
    assert (len(other), [one.split for one in other.others]) == (2, ["test", "train"])
    with pytest.raises(UserError, match=r"has no split tset \(did you mean .*; --split is one of"):
        list_source(tmp_path / "d", SourceOptions(split="tset"))


@pytest.mark.parametrize("form", ["0000 of split folders", "one file", "names", "other splits"])
def test_further_layouts(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "d"
    place, options, split, others = folder, SourceOptions(), "train", ["test"]
    if form == "0000 of split folders":
        files = ["default/test/0000.parquet", "default/train/0000.parquet"]
    elif form == "one file":
        files, place, split, others = ["any.parquet"], folder / "any.parquet", "", []
    elif form == "names":
        files = ["my_test.parquet", "my_train.parquet"]
    else:
        files, split, others = ["a-00000-of-00001.parquet", "b-00000-of-00001.parquet"], "b", ["a"]
        options = SourceOptions(split="b")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        labelled(3).to_parquet(folder / name)
    if form == "other splits":
        with pytest.raises(UserError, match=r"no training split \(its splits are a and b\); say"):
            list_source(place)
    listing = list_source(place, options)
    assert (listing.split, [one.split for one in listing.others]) == (split, others)
    assert listing.relative_path(2) == files[-1].encode() + b"/2.jpg"


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


IMAGES = pa.array([picture(i) for i in range(4)])


def test_plain_binary_columns_and_labels_that_are_texts(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    labels = pa.array(["b", "a", "ü", "b"])
    for column in (labels, labels.dictionary_encode(), labels.cast(pa.large_string())):
        pq.write_table(table(img=IMAGES, category=column), file)
        listing = list_source(file)
        assert (listing.classes, listing.class_of.tolist()) == (("a", "b", "ü"), [1, 0, 2, 1])
        assert read_image(listing, 3, 10_000) == picture(3)
    pq.write_table(table(img=IMAGES, label=pa.array([3, 0, 1, 3], pa.uint8()), id=IMAGES), file)
    with pytest.raises(UserError, match="has several columns of images, img and id; choose one"):
        list_source(file)
    listing = list_source(file, SourceOptions(path_column="img"))
    assert (listing.classes, listing.class_of.tolist()) == (tuple("0123"), [3, 0, 1, 3])
    assert listing.warnings == (f"{file}: 1 column is not read (id).",)
    named = list_source(file, SourceOptions(path_column="img", classes=("p", "q", "r", "s")))
    assert named.classes == ("p", "q", "r", "s")


def test_a_column_of_labels_is_chosen(tmp_path: Path) -> None:
    kinds = datasets.ClassLabel(names=["x", "y"])
    data = labelled(4, kind=(kinds, [1, 0, 1, 1])).rename_column("label", "species")
    data.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match="has several columns of labels, species and kind; choose"):
        list_source(tmp_path / "t.parquet")
    listing = list_source(tmp_path / "t.parquet", SourceOptions(label_column="kind"))
    assert (listing.classes, listing.class_of.tolist()) == (("x", "y"), [1, 0, 1, 1])
    with pytest.raises(UserError, match=r"--label-column kinds is no column of .* \(did you mean"):
        list_source(tmp_path / "t.parquet", SourceOptions(label_column="kinds"))
    with pytest.raises(UserError, match=r"--label-column image: that column of .* holds struct<"):
        list_source(tmp_path / "t.parquet", SourceOptions(label_column="image"))


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_of_every_kind(tmp_path: Path, codec: str, version: str, dictionary: bool) -> None:
    """Also where values are missing or repeated, and where an image is larger than a page."""
    images = [picture(i % 9, "BMP") * (1 + 40 * (i % 13 == 1)) for i in range(60)]
    column = [None if i % 11 == 5 else {"bytes": None if i % 7 == 6 else one, "path": "a.bmp"}
              for i, one in enumerate(images)]  # fmt: skip
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(table(image=pa.array(column, kind), label=[0] * 60), tmp_path / "t.parquet",
                   compression=codec, data_page_version=version, use_dictionary=dictionary,
                   row_group_size=25, data_page_size=4000, write_batch_size=3,
                   dictionary_pagesize_limit=9000)  # fmt: skip
    listing = list_source(tmp_path / "t.parquet")
    for index in [*range(59, -1, -2), *range(0, 60, 2)]:
        if column[index] is None or column[index]["bytes"] is None:
            with pytest.raises(UnreadableImage, match="it has no bytes in the Parquet file"):
                read_image(listing, index, 10_000)
        else:
            assert read_image(listing, index, 10_000) == images[index]


def test_a_process_holds_few_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_pages, "_HELD", 10_000)
    parquet_pages._held.clear()
    big = pa.array([picture(i, "BMP") for i in range(60)])
    pq.write_table(table(image=big, label=[0] * 60), tmp_path / "t.parquet", data_page_size=3000,
                   write_batch_size=1, use_dictionary=False, compression="gzip")  # fmt: skip
    listing = list_source(tmp_path / "t.parquet")
    for index in range(60):
        assert read_image(listing, index, 10_000) == picture(index, "BMP")
        assert sum(one.held for one in parquet_pages._held.values()) <= 10_000 + 5_000


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("codec", ["none", "snappy"])
def test_large_pages_are_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, dictionary: bool
) -> None:
    """Random bytes make blocks that are read alone; what shrinks is unpacked as a whole."""
    monkeypatch.setattr(parquet_pages, "_LONG", 0)
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 150_000, 30).tolist()
    images = [rng.bytes(size) if i % 5 else b"ab" * size for i, size in enumerate(sizes)]
    images += [rng.bytes((1 << 16) - 4), rng.bytes((1 << 17) - 4), b""]
    pq.write_table(table(image=images, label=[0] * 33), tmp_path / "t.parquet", compression=codec,
                   use_dictionary=dictionary)  # fmt: skip
    parquet_pages._held.clear()
    listing = list_source(tmp_path / "t.parquet")
    for index in [*range(32, -1, -1), *range(33)]:
        assert read_image(listing, index, 10_000) == images[index]
    held = [one for one in parquet_pages._held.values() if one.store.data is None]
    assert sum(one.held for one in held) < 10_000
    assert held


def test_a_page_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "LARGEST_PAGE", 3 << 20)
    images = [np.random.default_rng(i).bytes(1 << 20) for i in range(5)]
    file = tmp_path / "t.parquet"
    rows = table(image=images, label=[0] * 5)
    pq.write_table(rows, file)
    with pytest.raises(UserError, match=r"has a page of 5 MiB, and at most 3 are read for one ima"):
        list_source(file)
    pq.write_table(rows, file, row_group_size=1)
    assert len(list_source(file)) == 5


def with_labels(labels: Any) -> pa.Table:
    return table(image=IMAGES, label=labels)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (with_labels([0, 1, None, 1]), "row 2 has no label; give one to each image"),
        (with_labels([0, 1, -1, 1]), "has the label -1, and classes are numbered from 0 on"),
        (with_labels(["a", "", "b", "b"]), "has an image with an empty label"),
        (with_labels([0.5, 1, 2, 3]), "none of labels beside the images; name one with --label-co"),
        (table(image=IMAGES), "has the column image, and none of labels beside the"),
        (with_labels(pa.array([2**63] * 4, pa.uint64())), "has labels that cannot be read"),
        (with_labels([0] * 4).slice(0, 0), "has no rows; give a table of images"),
        (table(image=pa.array([{"bytes": None, "path": "a.jpg"}] * 4, pa.struct(
            [("bytes", pa.binary()), ("path", pa.string())])), label=[0] * 4),
         "has no bytes in its first image, but perhaps the path of a file; save it anew by"),
    ],
)  # fmt: skip
def test_tables_that_are_not_read(tmp_path: Path, rows: pa.Table, sentence: str) -> None:
    pq.write_table(rows, tmp_path / "t.parquet")
    with pytest.raises(UserError, match=sentence):
        list_source(tmp_path / "t.parquet")


def test_more_rows_than_bytes_are_no_images(tmp_path: Path) -> None:
    rows = table(image=pa.nulls(10**6, pa.binary()), label=pa.array(np.zeros(10**6, np.int64)))
    pq.write_table(rows, tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"claims 1000000 rows, more than it has bytes"):
        list_source(tmp_path / "t.parquet")


def test_labels_that_are_withheld_are_no_labels(tmp_path: Path) -> None:
    test = labelled(3).remove_columns("label").add_column("label", [-1] * 3)
    test = test.cast(labelled(3).features)
    write_hub(tmp_path / "d", train=[labelled(6)], test=[test])
    listing = list_source(tmp_path / "d")
    assert (len(listing), listing.others) == (6, ())
    assert listing.warnings == (
        f"{tmp_path / 'd'}: the split test has no labels (all are -1), and is not read.",
    )
    with pytest.raises(UserError, match="has the label -1, and classes are numbered from 0 on"):
        list_source(tmp_path / "d", SourceOptions(split="test"))


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_hub(tmp_path / "d/a", train=[labelled(3)])
    write_hub(tmp_path / "d/b", train=[labelled(3)])
    with pytest.raises(UserError, match="holds Parquet files in the folders a and b; give one of"):
        list_source(tmp_path / "d")
    labelled(3).to_parquet(tmp_path / "d/a/more.parquet")
    with pytest.raises(UserError, match=r"more\.parquet is of no split, and others are of train;"):
        list_source(tmp_path / "d/a")
    (tmp_path / "d/a/more.parquet").unlink()
    labelled(3).rename_column("label", "class").to_parquet(tmp_path / "d/a/test.parquet")
    with pytest.raises(UserError, match=r"has other columns or classes than the files before it"):
        list_source(tmp_path / "d/a")


def test_files_that_are_broken_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    labelled(20).to_parquet(file)
    whole = file.read_bytes()
    for data in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"x" * 100,
                 whole[:-60] + b"\xff" * 40 + whole[-20:]):  # fmt: skip
        file.write_bytes(data)
        with pytest.raises(UserError, match=r"t\.parquet is no whole Parquet file"):
            list_source(file)


def test_pages_that_are_broken_cost_their_images(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pq.write_table(table(image=[picture(i) for i in range(40)], label=[0] * 40), file)
    listing, whole = list_source(file), file.read_bytes()
    for at in range(0, len(whole) // 2, 97):
        file.write_bytes(whole[:at] + b"\xff" * 8 + whole[at + 8 :])
        for index in range(0, 40, 13):
            try:
                assert len(read_image(listing, index, 10_000)) < len(whole)
            except UnreadableImage as error:
                assert str(error)
    file.write_bytes(whole[:100])
    with pytest.raises(UnreadableImage, match=r"t\.parquet ends inside it"):
        read_image(listing, 30, 10_000)


def test_pyarrow_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled(3).to_parquet(tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"is read with pyarrow; run pip install 'augcli\[par"):
        list_source(tmp_path / "t.parquet")


def test_an_image_folder_with_a_table_stays_one(tmp_path: Path) -> None:
    write_photo(tmp_path / "a/1.jpg", 1, 20, 20)
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1")
    assert list_source(tmp_path).reader == "imagefolder"


def test_a_run_over_parquet_replays(augcli: Augcli, tmp_path: Path) -> None:
    train = [labelled(5), labelled(4, 5)]
    source = write_hub(tmp_path / "d/data", train=train, test=[labelled(2)])
    out = tmp_path / "out"
    result = augcli("generate", source.parent, out, "-r", "cutmix", "-j", 2,
                  "--include-originals", "copy")  # fmt: skip
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)
    assert "class wasp has id 0, and there 2; use the ids" in result.stderr
    assert augcli("verify", out, "--replay").returncode == 0
    originals = {path.read_bytes() for path in (out / "train").glob("*/*.jpg")}
    assert originals >= {picture(i) for i in range(9)}
    assert augcli("preview", source, "-r", "cutmix", "--to", tmp_path / "p.png").returncode == 0
