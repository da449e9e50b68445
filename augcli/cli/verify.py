"""augcli verify: holds an output directory against its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augcli.cli.options import MOST_OUTPUTS, Json, Out, Quiet, flag, number
from augcli.cli.output import Output
from augcli.errors import UserError
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.manifest.row import Row

REPLAY_ALL = 0
_SHOWN = 20


def verify(
    out: Out,
    replay: Annotated[
        int | None,
        number(
            "replay",
            "make N outputs again from their rows (all without N) and compare",
            metavar="[N]",
            least=0,
            most=MOST_OUTPUTS,
        ),
    ] = None,
    repair: Annotated[
        bool, flag("repair", "make again what is missing or broken, from run.json and SOURCE")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check OUT: every row has its file, every file its row, sizes, hashes and labels agree."""
    shown = Output(json, quiet)
    if repair or replay is not None:
        from augcli.image.opencv import require_opencv

        require_opencv()
    from augcli.image.remarks import decoders_silent
    from augcli.manifest.verify import Fault, Verified
    from augcli.manifest.verify import verify as verify_all

    if not out.is_dir():
        raise UserError(f"OUT {out} does not exist; give the folder of a finished run.")
    try:
        verified = verify_all(out)
    except FileNotFoundError as error:
        if not repair:
            raise UserError(
                f"{error.filename} is missing; give the folder of a finished run, or --repair it."
            ) from error
        verified = Verified(0, [Fault(str(error.filename), "the file is missing")])
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be read: {error.strerror}; give the folder of a finished run."
        ) from error
    faults, replayed, repaired = list(verified.faults), 0, 0
    if repair and faults:
        from augcli.run.repair import repair as repair_all

        with decoders_silent():
            repaired = repair_all(out, faults)
        shown.note(f"{count_text(repaired, 'row')} made again.")
        verified = verify_all(out)
        faults = list(verified.faults)
    if replay is not None:
        from augcli.run.replay import replay as replay_rows

        replayed = min(replay, verified.rows) or verified.rows
        with decoders_silent():
            faults += replay_rows(out, lambda: _spread(out, verified.rows, replayed))
    values = {
        "out": str(out),
        "rows": verified.rows,
        "replayed": replayed,
        "repaired": repaired,
        "faults": [fault._asdict() for fault in faults],
    }
    again = f", {replayed} made again" if replay is not None else ""
    done = f"OUT {out} is checked, with {count_text(len(faults), 'fault')}"
    if not faults:
        shown.result(
            values,
            f"{count_text(verified.rows, 'row')} and"
            f" {'its file' if verified.rows == 1 else 'their files'} agree{again}.",
            done=done,
        )
        return
    listed = [f"{fault.where}: {fault.what}" for fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        listed.append(f"... and {len(faults) - _SHOWN} more (--json lists all)")
    shown.result(
        values,
        "\n".join(
            [
                *listed,
                f"{count_text(len(faults), 'fault')} in {count_text(verified.rows, 'row')}{again}.",
            ]
        ),
        done=done,
    )
    raise typer.Exit(1)


def _spread(out: Path, rows: int, count: int) -> Iterator[Row]:
    """`count` of the rows of OUT, evenly spread."""
    from augcli.manifest.reader import BadLine, read_rows

    numbers = (i * rows // count for i in range(count))
    wanted = next(numbers, None)
    whole = (row for row in read_rows(out / "train") if not isinstance(row, BadLine))
    for at, row in enumerate(whole):
        if at == wanted:
            yield row
            wanted = next(numbers, None)
