"""Sources that nothing reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo

WRITE = "write its images to a folder a class, or to a .tar archive as WebDataset does."
UNPACK = "unpack it and give the folder, or pack it anew as .zip or .tar."


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("data.mdb", "an LMDB database (data.mdb), which augcli does not read", WRITE),
        ("train.lmdb", "an LMDB database (train.lmdb), which augcli does not read", WRITE),
        ("x.tfrecord", "TFRecord files (x.tfrecord), which augcli does not read", WRITE),
        ("x.tfrecord-00000-of-00002", "TFRecord files (x.tfrecord-00000-of-00002), which augcli"
         " does not read", WRITE),
        ("train.rec", "RecordIO files of MXNet (train.rec), which augcli does not read", WRITE),
        ("a.h5", "HDF5 files (a.h5), which augcli does not read", WRITE),
        ("A.HDF5", "HDF5 files (A.HDF5), which augcli does not read", WRITE),
        ("imagelabels.mat", "files of MATLAB (imagelabels.mat), which augcli does not read", WRITE),
        ("t.beton", "files of FFCV (t.beton), which augcli does not read", WRITE),
        ("shard.00000.mds", "shards of MosaicML Streaming (shard.00000.mds), which augcli does not"
         " read", WRITE),
        ("train.pkl", "pickled objects (train.pkl), which augcli does not read", "Python objects"
         " are never read, as that can run code; save arrays as .npy files."),
    ],
)  # fmt: skip
def test_files_of_other_kinds_are_refused(
    tmp_path: Path, name: str, what: str, remedy: str
) -> None:
    for place in (tmp_path / "here" / name, tmp_path / "below" / "train" / name):
        place.parent.mkdir(parents=True)
        place.write_bytes(b"x")
    for source, prefix in (("here", ""), ("below", "train/")):
        with pytest.raises(UserError) as raised:
            list_source(tmp_path / source)
        said = what.replace(f"({name})", f"({prefix}{name})")
        assert str(raised.value) == f"SOURCE {tmp_path / source} holds {said}; {remedy}"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("data.mdb", f"a file of an LMDB database, which augcli does not read; {WRITE}"),
        ("train.lmdb", f"an LMDB database, which augcli does not read; {WRITE}"),
        ("x.tfrecord", f"a TFRecord file, which augcli does not read; {WRITE}"),
        ("train.rec", f"a RecordIO file of MXNet, which augcli does not read; {WRITE}"),
        ("A.HDF5", f"an HDF5 file, which augcli does not read; {WRITE}"),
        ("imagelabels.mat", f"a file of MATLAB, which augcli does not read; {WRITE}"),
        ("t.beton", f"a file of FFCV, which augcli does not read; {WRITE}"),
        ("t.pkl", "a pickled object, which augcli does not read; Python objects are never read, as"
         " that can run code; save arrays as .npy files."),
        ("a.rar", f"a RAR archive, which augcli does not read; {UNPACK}"),
        ("a.7Z", f"a 7-Zip archive, which augcli does not read; {UNPACK}"),
        ("a.gz", "a compressed file, which augcli does not read; unpack it and give what is in"
         " it."),
        ("a.xlsx", "a spreadsheet, which augcli does not read; save it as a .csv table, with a"
         " column of paths and one of labels."),
        ("a.mp4", "a video, which augcli does not read; write its frames to a folder a class."),
        ("a.onnx", "a model, which augcli does not read; give the data set, a folder with one"
         " folder a class."),
        ("data.yaml", "a description of a data set or a setting, which augcli does not read; give"
         " the folder of the images, with one folder a class."),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError) as raised:
        list_source(tmp_path / name)
    assert str(raised.value) == f"SOURCE {tmp_path / name} is {what}"


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("a.rar", "RAR archives (a.rar), which augcli does not read", UNPACK),
        ("a.zip", "ZIP archives (a.zip), which augcli does not read here", "give one of them as"
         " SOURCE."),
    ],
)  # fmt: skip
def test_a_folder_of_archives(tmp_path: Path, name: str, what: str, remedy: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError) as raised:
        list_source(tmp_path)
    assert str(raised.value) == f"SOURCE {tmp_path} holds {what}; {remedy}"


def test_an_archive_in_a_folder_is_to_be_given_itself(tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"x")
    with pytest.raises(UserError, match=r"holds NumPy archives \(mnist\.npz\), which augcli do"
                       r"es not read here; give one of them as SOURCE\."):  # fmt: skip
        list_source(tmp_path)


def test_images_beside_them_are_read(augcli: Augcli, tmp_path: Path) -> None:
    write_photo(tmp_path / "d/a/1.jpg", 1, 20, 20)
    (tmp_path / "d/labels.mat").write_bytes(b"x")
    assert list_source(tmp_path / "d").reader == "imagefolder"
    (tmp_path / "d/a/1.jpg").unlink()
    result = augcli("generate", tmp_path / "d", tmp_path / "out", "-r", "flip")
    assert (result.returncode, result.stdout) == (2, "")
    assert "holds files of MATLAB (labels.mat), which augcli does not read; write" in result.stderr
