"""The rows of a manifest by the ids of their outputs: where each stands, 20 bytes a row."""

from __future__ import annotations

import re
from array import array
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from augcli.manifest.columns import Hashes, find
from augcli.manifest.file_names import id_in
from augcli.manifest.reader import BadLine, open_own, parse_row, read_lines
from augcli.published import MANIFEST

_OUTPUT_ID = re.compile(r"[0-9a-f]{16}")


class Present:
    """The rows in the manifest of a folder, none where there is no manifest. Those whose ids are
    among `wrong` (in order) are not good; a row whose id another has too, or whose file is not
    named by it, is none."""

    def __init__(self, folder: Path, wrong: Hashes) -> None:
        self._file: BinaryIO | None = None
        ids, places, good = array("Q"), array("Q"), array("b")
        if (folder / MANIFEST).exists():
            self._file = open_own(folder / MANIFEST)
            for number, offset, line in read_lines(folder):
                row = parse_row(line, number)
                if isinstance(row, BadLine) or not _OUTPUT_ID.fullmatch(row.sample_id):
                    continue
                output = int(row.sample_id, 16)
                ids.append(output)
                places.append(offset)
                is_own = id_in(PurePosixPath(row.file_name).stem) == row.sample_id
                good.append(is_own and find(wrong, output) is None)
        order = np.argsort(np.frombuffer(ids, np.uint64), kind="stable")
        self._ids = np.frombuffer(ids, np.uint64)[order]
        self._places = np.frombuffer(places, np.uint64)[order]
        self._good = np.frombuffer(good, np.int8)[order]

    def __enter__(self) -> Present:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, output: str) -> bool:
        return self._find(output) is not None

    def is_good(self, output: str) -> bool:
        """Whether the row of an output is there, and nothing is wrong with it."""
        at = self._find(output)
        return at is not None and bool(self._good[at])

    def line(self, output: str) -> bytes | None:
        """The line of an output, if it is there."""
        at = self._find(output)
        if at is None or self._file is None:
            return None
        self._file.seek(int(self._places[at]))
        return self._file.readline()

    def _find(self, output: str) -> int | None:
        key = np.uint64(int(output, 16))
        first, behind = (int(np.searchsorted(self._ids, key, s)) for s in ("left", "right"))
        return first if behind - first == 1 else None
