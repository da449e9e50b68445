"""Paths in a table that are files only without the blanks around them, or with slashes in place of
backslashes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from augcli.data.label_column import BLANKS
from augcli.data.labels import shown
from augcli.errors import UserError
from augcli.text import count_text

_BLANKS = BLANKS.encode()


@dataclass(slots=True)
class PathSpelling:
    """Reads the paths of a table whose images lie in `root`, and counts those that are no files as
    they are written. Only paths with blanks around them or with backslashes are looked up."""

    root: bytes
    suffix: bytes = b""
    _blanks: int = 0
    _slashes: int = 0

    def read(self, path: bytes, where: str) -> bytes:
        """The path that is meant; raises UserError, with the place, for one with blanks around it
        that is no file with or without them."""
        bare = path.strip(_BLANKS)
        if (bare == path and b"\\" not in path) or self._is_there(path):
            return path
        if bare != path:
            if self._is_there(bare):
                self._blanks += 1
                return bare
            if b"\\" not in bare:
                raise UserError(
                    f"{where}: the path '{shown(path)}' has blanks around it, and is no file with"
                    " or without them; fix it."
                )
        slashed = bare.replace(b"\\", b"/")
        if self._is_there(slashed):
            self._slashes += 1
            return slashed
        return path

    def _is_there(self, path: bytes) -> bool:
        try:
            return bool(path) and os.path.lexists(os.path.join(self.root, path + self.suffix))  # noqa: PTH118
        except ValueError:  # a NUL
            return False

    def warnings(self, source: str) -> Iterator[str]:
        """A sentence about each that was read otherwise than it is written."""
        if self._blanks:
            them = "it" if self._blanks == 1 else "them"
            yield (
                f"{source}: {count_text(self._blanks, 'path')} with blanks around {them} read"
                " without, as the files are called."
            )
        if self._slashes:
            yield (
                f"{source}: {count_text(self._slashes, 'path')} with backslashes read with slashes,"
                " as the files lie."
            )


def spellings(path: bytes) -> tuple[bytes, ...]:
    """The paths that may be meant by one, the one as it is written first."""
    bare = path.strip(_BLANKS)
    return path, bare, bare.replace(b"\\", b"/")
