"""`augcli.verify`: the command of that name, for Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from augcli.api.keywords import FilePath
from augcli.api.values import python_sentences, read_bool, read_number, read_path
from augcli.errors import UserError
from augcli.manifest.faults import Fault

_TYPES: dict[str, Any] = {"replay": int, "repair": bool, "source": str, "workers": int}


@dataclass(frozen=True)
class Verified:
    """What `verify` says of an output folder: how many rows it has, were made again and compared,
    and were put in their places; the first faults (2000 at most), and how many there are in all.

    It is true where there is no fault.
    """

    rows: int
    replayed: int
    repaired: int
    faults: tuple[Fault, ...]
    fault_count: int

    def __bool__(self) -> bool:
        return self.fault_count == 0


def verify(
    out: FilePath,
    replay: int | Literal["all"] = 0,
    repair: bool = False,
    *,
    source: FilePath | None = None,
    workers: int | None = None,
    max_seconds: float | None = None,
) -> Verified:
    """Check that every row of `out` has its file, every file its row, and that sizes, hashes and
    labels agree, as the command `augcli verify` does.

    `replay` outputs are made again from their rows and compared, with "all" every one; `repair`
    first makes again what is missing or broken. Both read the run's source, which is in `source`
    if it has moved. What is wrong stands in the result, each a `where` and a `what`. Raises
    `augcli.UserError` where `out` is no finished run, or where it cannot be made again.
    """
    with python_sentences(_TYPES):
        from augcli.tasks.verify import verify as verify_all

        count = None
        if replay == "all":
            count = 0
        elif read_number("replay", replay) != 0:
            count = int(replay)
        if count is None and not read_bool("repair", repair):
            for name, value in (("source", source), ("workers", workers)):
                if value is not None:
                    raise UserError(
                        f"{name} has no effect unless outputs are made again; give replay or"
                        " repair=True, or leave it out."
                    )
        checked = verify_all(
            read_path("out", out),
            replay=count,
            repair=read_bool("repair", repair),
            moved=None if source is None else read_path("source", source),
            workers=None if workers is None else int(read_number("workers", workers)),
            max_seconds=60.0 if max_seconds is None else read_number("max_seconds", max_seconds),
        )
    return Verified(
        checked.rows, checked.replayed, checked.repaired, tuple(checked.faults), checked.total
    )
