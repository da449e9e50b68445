"""augcli verify: holds an output directory against its manifest."""

from __future__ import annotations

from typing import Annotated

import typer

from augcli.cli.options import Json, Out, Quiet, flag, option
from augcli.cli.output import Output
from augcli.errors import UserError

REPLAY_ALL = 0
_SHOWN = 20


def verify(
    out: Out,
    replay: Annotated[
        int | None,
        option(
            "replay",
            "make N outputs again from their rows (all without N) and compare",
            metavar="[N]",
            min=0,
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
        verified = Verified([], [Fault(str(error.filename), "the file is missing")])
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be read: {error.strerror}; give the folder of a finished run."
        ) from error
    faults, replayed, repaired = list(verified.faults), 0, 0
    if repair and faults:
        from augcli.run.repair import repair as repair_all

        repaired = repair_all(out, faults)
        shown.note(f"{_counted(repaired, 'row')} made again.")
        verified = verify_all(out)
        faults = list(verified.faults)
    if replay is not None:
        from augcli.run.replay import replay as replay_rows

        rows = verified.rows
        count = min(replay, len(rows)) or len(rows)
        chosen = [rows[i * len(rows) // count] for i in range(count)]
        faults += replay_rows(out, chosen)
        replayed = count
    values = {
        "out": str(out),
        "rows": len(verified.rows),
        "replayed": replayed,
        "repaired": repaired,
        "faults": [fault._asdict() for fault in faults],
    }
    again = f", {replayed} made again" if replay is not None else ""
    if not faults:
        shown.result(values, f"{len(verified.rows)} rows and their files agree{again}.")
        return
    listed = [f"{fault.where}: {fault.what}" for fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        listed.append(f"... and {len(faults) - _SHOWN} more (--json lists all)")
    shown.result(
        values,
        "\n".join(
            [*listed, f"{_counted(len(faults), 'fault')} in {len(verified.rows)} rows{again}."]
        ),
    )
    raise typer.Exit(1)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
