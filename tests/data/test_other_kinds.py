"""Sources that nothing reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo

WRITE = "write its images to a folder a class, or to a .tar archive as WebDataset does."


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
    for source, prefix in (("here", ""), ("below", "train/"), (f"here/{name}", "")):
        with pytest.raises(UserError) as raised:
            list_source(tmp_path / source)
        said = what.replace(f"({name})", f"({prefix}{name})")
        assert str(raised.value) == f"SOURCE {tmp_path / source} holds {said}; {remedy}"


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
