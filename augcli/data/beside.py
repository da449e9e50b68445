"""Files of data beside folders of classes or splits: tables, archives, Parquet. They are not read,
which is said, as one of them may be what is meant."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from augcli.data.labels import shown
from augcli.published import CLASSES, ERRORS, MANIFEST, MAPS_INDEX, RUN
from augcli.text import count_text

_TABLES = (b".csv", b".tsv", b".jsonl", b".ndjson")
_ENDINGS = (
    *_TABLES,
    *(table + b".gz" for table in _TABLES),
    *b".parquet .arrow .tar .tar.gz .tgz .tar.bz2 .tar.xz .tar.zst .zip .7z .rar".split(),
)
# What a run writes, and what is said of elsewhere.
_OTHERS = frozenset(
    os.fsencode(name)
    for name in (MANIFEST, "metadata.csv", "metadata.parquet", CLASSES, ERRORS, MAPS_INDEX, RUN)
)
_NAMED = 3


def is_data_file(name: bytes) -> bool:
    """Whether a file's name is that of a table or of an archive; hidden files are none."""
    return name.lower().endswith(_ENDINGS) and name not in _OTHERS and not name.startswith(b".")


def beside_warning(names: Sequence[bytes], folders: str) -> str:
    """A sentence about files of data beside `folders`, which are read; empty where there are
    none."""
    if not names:
        return ""
    some = ", ".join(map(shown, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
    are, instead = ("is", "it") if len(names) == 1 else ("are", "one of them")
    return (
        f"{count_text(len(names), 'data file')} of SOURCE beside {folders} {are} not read ({some});"
        f" give {instead} as SOURCE if that is meant."
    )


def data_files_in(folder: Path) -> list[bytes]:
    """The files of data directly in a folder, sorted; raises OSError."""
    with os.scandir(os.fsencode(folder)) as entries:
        names = sorted(entry.name for entry in entries if is_data_file(entry.name))
    return [name for name in names if os.path.isfile(os.path.join(os.fsencode(folder), name))]  # noqa: PTH113, PTH118
