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


class _Kind(NamedTuple):
    names: re.Pattern[bytes]
    what: str
    remedy: str = _WRITE


def _named(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(rb".*" + pattern, re.IGNORECASE | re.DOTALL)


_KINDS = (
    _Kind(re.compile(rb"(data|lock)\.mdb"), "an LMDB database"),
    _Kind(_named(rb"\.lmdb"), "an LMDB database"),
    _Kind(_named(rb"\.tfrecords?(-\d+-of-\d+)?(\.gz)?"), "TFRecord files"),
    _Kind(_named(rb"\.rec"), "RecordIO files of MXNet"),
    _Kind(_named(rb"\.(h5|hdf5|hdf)"), "HDF5 files"),
    _Kind(_named(rb"\.mat"), "files of MATLAB"),
    _Kind(_named(rb"\.beton"), "files of FFCV"),
    _Kind(_named(rb"\.mds(\.zstd)?"), "shards of MosaicML Streaming"),
    _Kind(_named(rb"\.(pkl|pickle|pt|pth)"), "pickled objects", _RUN),
    _Kind(_named(rb"\.npz"), "NumPy archives", _GIVE),
)  # fmt: skip


def refuse_other_kinds(source: Path) -> None:
    """Raise UserError where SOURCE is a file of such a kind, or a folder that holds such files and
    no images; raises OSError."""
    if source.is_dir():
        names = data_files(source, lambda name: _kind(name) is not None)
    else:
        names = [os.fsencode(source.name)]
    for name in names:
        kind = _kind(name.rpartition(b"/")[2])
        if kind is not None:
            raise UserError(
                f"SOURCE {source} holds {kind.what} ({shown(name)}), which augcli does not read"
                f"{' here' if kind.remedy == _GIVE else ''}; {kind.remedy}."
            )


def _kind(name: bytes) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.names.fullmatch(name)), None)
