"""Files of data sets that nothing here reads, and what to do with each."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from augcli.data.data_files import data_files
from augcli.data.labels import shown
from augcli.errors import UserError

_WRITE = "write its images to a folder a class, or to a .tar archive as WebDataset does"
_RUN = "Python objects are never read, as that can run code; save arrays as .npy files"
_GIVE = "give one of them as SOURCE"
_UNPACK = "unpack it and give the folder, or pack it anew as .zip or .tar"
_FRAMES = "write its frames to a folder a class"


class _Kind(NamedTuple):
    """A kind of files: their names, what one of them is, what several are, what to do."""

    names: re.Pattern[bytes]
    one: str
    several: str
    remedy: str = _WRITE


def _named(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(rb".*" + pattern, re.IGNORECASE | re.DOTALL)


_KINDS = (
    _Kind(re.compile(rb"(data|lock)\.mdb"), "a file of an LMDB database", "an LMDB database"),
    _Kind(_named(rb"\.lmdb"), "an LMDB database", "an LMDB database"),
    _Kind(_named(rb"\.tfrecords?(-\d+-of-\d+)?(\.gz)?"), "a TFRecord file", "TFRecord files"),
    _Kind(_named(rb"\.rec"), "a RecordIO file of MXNet", "RecordIO files of MXNet"),
    _Kind(_named(rb"\.(h5|hdf5|hdf)"), "an HDF5 file", "HDF5 files"),
    _Kind(_named(rb"\.mat"), "a file of MATLAB", "files of MATLAB"),
    _Kind(_named(rb"\.beton"), "a file of FFCV", "files of FFCV"),
    _Kind(_named(rb"\.mds(\.zstd)?"), "a shard of MosaicML Streaming",
          "shards of MosaicML Streaming"),
    _Kind(_named(rb"\.(pkl|pickle|pt|pth)"), "a pickled object", "pickled objects", _RUN),
    _Kind(_named(rb"\.rar"), "a RAR archive", "RAR archives", _UNPACK),
    _Kind(_named(rb"\.7z"), "a 7-Zip archive", "7-Zip archives", _UNPACK),
)  # fmt: skip
_IN_FOLDERS = (
    *_KINDS,
    _Kind(_named(rb"\.npz"), "a NumPy archive", "NumPy archives", _GIVE),
    _Kind(_named(rb"\.zip"), "a ZIP archive", "ZIP archives", _GIVE),
)
# In a folder, files of these kinds say nothing about what it is.
_ALONE = (
    *_KINDS,
    _Kind(_named(rb"\.(gz|bz2|xz|zst|lz4|z)"), "a compressed file", "",
          "unpack it and give what is in it"),
    _Kind(_named(rb"\.(xlsx?|xlsm|ods|numbers)"), "a spreadsheet", "",
          "save it as a .csv table, with a column of paths and one of labels"),
    _Kind(_named(rb"\.(mp4|mov|avi|mkv|webm|m4v|mpe?g)"), "a video", "", _FRAMES),
    _Kind(_named(rb"\.(onnx|safetensors|ckpt|tflite)"), "a model", "",
          "give the data set, a folder with one folder a class"),
    _Kind(_named(rb"\.(sqlite3?|db)"), "a database", "", _WRITE),
    _Kind(_named(rb"\.(xml|ya?ml|toml|ini|html?)"), "a description of a data set or a setting", "",
          "give the folder of the images, with one folder a class"),
)  # fmt: skip


def refuse_other_kinds(source: Path) -> None:
    """Raise UserError where SOURCE is a file of such a kind, or a folder that holds such files and
    no images; raises OSError."""
    if not source.is_dir():
        kind = _kind(os.fsencode(source.name), _ALONE)
        if kind is not None:
            raise UserError(
                f"SOURCE {source} is {kind.one}, which augcli does not read; {kind.remedy}."
            )
        return
    for name in data_files(source, lambda name: _kind(name, _IN_FOLDERS) is not None):
        kind = _kind(name.rpartition(b"/")[2], _IN_FOLDERS)
        if kind is not None:
            raise UserError(
                f"SOURCE {source} holds {kind.several} ({shown(name)}), which augcli does not read"
                f"{' here' if kind.remedy == _GIVE else ''}; {kind.remedy}."
            )


def _kind(name: bytes, kinds: tuple[_Kind, ...]) -> _Kind | None:
    return next((kind for kind in kinds if kind.names.fullmatch(name)), None)
