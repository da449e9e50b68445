"""What save_to_disk of datasets writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest

from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.errors import UnreadableImage, UserError
from tests.conftest import Augcli
from tests.helpers.tables import CLASSES, bytes_of, labelled, picture


def test_a_saved_data_set_is_read_as_datasets_reads_it(tmp_path: Path) -> None:
    """In the order that it was given, several files, images without bytes put inside."""
    (tmp_path / "file.jpg").write_bytes(picture(77))
    features = labelled(1).features
    outside = datasets.Dataset.from_dict(
        {"image": [str(tmp_path / "file.jpg")], "label": [2]}, features=features
    )
    data = datasets.concatenate_datasets([labelled(9), outside]).shuffle(seed=1)
    data.save_to_disk(tmp_path / "d", num_shards=3)
    listing = list_source(tmp_path / "d")
    expected = datasets.load_from_disk(tmp_path / "d")
    assert (listing.reader, listing.are_files, listing.others) == ("arrow", False, ())
    assert (listing.classes, listing.class_of.tolist()) == (tuple(CLASSES), expected["label"])
    images = bytes_of(expected)
    assert picture(77) in images
    assert [read_image(listing, index, 10_000) for index in range(10)] == images
    assert listing.sizes().tolist() == [len(one) for one in images]
    assert listing.relative_path(4) == b"data-00001-of-00003.arrow/0.jpg"
    one_file = list_source(tmp_path / "d/data-00001-of-00003.arrow")
    assert [read_image(one_file, index, 10_000) for index in range(3)] == images[4:7]


def test_splits_of_a_dict(tmp_path: Path) -> None:
    splits = {"test": labelled(3, 20, "PNG"), "train": labelled(6), "extra": labelled(2, 40)}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "d")
    listing = list_source(tmp_path / "d")
    assert (listing.split, [one.split for one in listing.others]) == ("train", ["extra", "test"])
    for one in (listing, *listing.others):
        data = splits[one.split]
        assert (one.classes, one.class_of.tolist()) == (tuple(CLASSES), data["label"])
        assert [read_image(one, i, 10_000) for i in range(len(one))] == bytes_of(data)
    assert listing.others[1].relative_path(0) == b"test/data-00000-of-00001.arrow/0.png"
    assert list_source(tmp_path / "d", SourceOptions(split="extra")).split == "extra"
    assert len(list_source(tmp_path / "d/test")) == 3
    (tmp_path / "d/dataset_dict.json").unlink()
    again = list_source(tmp_path / "d")
    assert (again.split, [one.split for one in again.others]) == ("train", ["test"])


def write_arrow(path: Path, table: pa.Table, *, stream: bool = True, **options: Any) -> Path:
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(str(path), table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=3)
    return path


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_arrow_files_of_others(tmp_path: Path, stream: bool, kind: pa.DataType) -> None:
    images = [picture(i) if i != 4 else None for i in range(8)]
    table = pa.table({"img": pa.array(images, kind), "label": pa.array(list("badcabba"))}).slice(1)
    listing = list_source(write_arrow(tmp_path / "t.arrow", table, stream=stream))
    assert (listing.classes, listing.class_of.tolist()) == (tuple("abcd"), [0, 3, 2, 0, 1, 1, 0])
    for index, image in enumerate(images[1:]):
        if image is None:
            with pytest.raises(UnreadableImage, match="it has no bytes in the Arrow file"):
                read_image(listing, index, 10_000)
        else:
            assert read_image(listing, index, 10_000) == image


def test_what_is_not_read_is_refused(tmp_path: Path) -> None:
    table = pa.table({"image": [picture(1)], "label": [0]})
    with pytest.raises(UserError, match=r"t\.arrow has compressed record batches, in which no im"):
        list_source(write_arrow(tmp_path / "t.arrow", table, compression="lz4"))
    paths = pa.array([{"bytes": None, "path": "a.jpg"}], pa.struct(
        [("bytes", pa.binary()), ("path", pa.string())]))  # fmt: skip
    write_arrow(tmp_path / "t.arrow", pa.table({"image": paths, "label": [0]}))
    with pytest.raises(UserError, match="has no bytes in its first image, but perhaps the path of"):
        list_source(tmp_path / "t.arrow")
    write_arrow(tmp_path / "t.arrow", table.slice(0, 0))
    with pytest.raises(UserError, match="has no rows; give a table of images"):
        list_source(tmp_path / "t.arrow")
    with pytest.raises(UserError, match=r"holds \.arrow files but no state\.json; give what sav"):
        list_source(tmp_path)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("{", r"state\.json is no JSON: it ends too early; save it anew"),
        ("[]", r"state\.json is no JSON object"),
        ("{}", r"state\.json names no files in its folder"),
        ({"_data_files": [{"filename": "../t.arrow"}]}, r"state\.json names no files in its fol"),
        ({"_data_files": [{"filename": 3}]}, r"state\.json names no files in its folder"),
        ({"_data_files": []}, r"names no \.arrow files; save it anew by datasets"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "cannot be read: No such file"),
        ({"_data_files": [{"filename": "data-00000-of-00001.arrow"}],
          "_indices_data_files": [{"filename": "i.arrow"}]}, "in an order that is not that of its"),
    ],
)  # fmt: skip
def test_a_state_that_is_not_understood_is_refused(
    tmp_path: Path, state: Any, sentence: str
) -> None:
    labelled(3).save_to_disk(tmp_path / "d")
    text = state if isinstance(state, str) else json.dumps(state)
    (tmp_path / "d/state.json").write_text(text)
    with pytest.raises(UserError, match=sentence):
        list_source(tmp_path / "d")


def test_splits_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": labelled(3)}).save_to_disk(tmp_path / "d")
    for splits in ('["../x"]', '[".."]', "[]", "3", '["a/b"]'):
        (tmp_path / "d/dataset_dict.json").write_text(f'{{"splits": {splits}}}')
        with pytest.raises(UserError, match=r"dataset_dict\.json names no splits; save it anew"):
            list_source(tmp_path / "d")


def test_files_that_are_broken_are_refused(tmp_path: Path) -> None:
    table = pa.table({"image": [picture(i) for i in range(30)], "label": [0] * 30})
    for stream in (True, False):
        file = write_arrow(tmp_path / "t.arrow", table, stream=stream)
        whole = file.read_bytes()
        for data in (b"", b"ARROW1", whole[:40], whole[: len(whole) // 2], b"x" * 100):
            file.write_bytes(data)
            with pytest.raises(UserError, match=r"is no whole Arrow file \(.*\); save or fetc"):
                list_source(file)
        for at in range(0, len(whole), 211):  # which may go unnoticed in the bytes of an image
            file.write_bytes(whole[:at] + b"\xff" * 4 + whole[at + 4 :])
            try:
                listing = list_source(file)
            except UserError:
                continue
            for index in range(len(listing)):
                try:
                    assert len(read_image(listing, index, 10_000)) <= 10_000
                except UnreadableImage as error:
                    assert str(error)


def test_pyarrow_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled(3).save_to_disk(tmp_path / "d")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"needs the package pyarrow: run pip install 'augcli\[par"):
        list_source(tmp_path / "d")


def test_a_run_over_a_saved_data_set_replays(augcli: Augcli, tmp_path: Path) -> None:
    datasets.DatasetDict({"train": labelled(8), "test": labelled(3)}).save_to_disk(tmp_path / "d")
    result = augcli("generate", tmp_path / "d", tmp_path / "out", "-r", "cutmix", "-j", 2)
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)
    assert "class wasp has id 0, and there 2; use the ids" in result.stderr
    assert augcli("verify", tmp_path / "out", "--replay").returncode == 0
    assert augcli("preview", tmp_path / "d", "-r", "cutmix", "--to", tmp_path / "p.png"
                  ).returncode == 0  # fmt: skip
