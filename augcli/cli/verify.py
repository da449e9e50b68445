"""augcli verify: holds an output directory against its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augcli.cli.declare import flag, number
from augcli.cli.groups import grouped
from augcli.cli.options import Json, Quiet, Workers
from augcli.cli.output import Output
from augcli.cli.unused import refuse_unused
from augcli.cli.values import path_reader
from augcli.errors import UserError, escape
from augcli.published import MANIFEST, RUN, TRAIN
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.manifest.faults import Fault


def _advice(out: Path, faults: Sequence[Fault], *, repair: bool) -> Iterator[str]:
    """What to do about faults, a sentence each."""
    from augcli.manifest.verify import NO_ROW

    strange = [fault for fault in faults if fault.what == NO_ROW]
    if len(strange) < len(faults) and not repair:
        yield f"`augcli verify {out} --repair` makes again what is missing or broken."
    if any(Path(fault.where).name == MANIFEST for fault in faults):
        return  # it names the files that no row names now
    if strange:
        of_others = any((out / Path(fault.where).parts[0]).is_dir() for fault in strange)
        yield (
            "Files that no row names were not written by the run: move them out of"
            f" {out if of_others else out / TRAIN}; --repair leaves them where they are."
        )


@grouped
def verify(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            envvar="AUGCLI_OUT",
            show_envvar=False,
            help="the folder of a finished run of `augcli generate`; it is read, and written only"
            " with --repair",
        ),
    ],
    replay: Annotated[
        int | None,
        number(
            "replay",
            "make N outputs again from their rows, all of them without N, and compare",
            metavar="[N]",
        ),
    ] = None,
    repair: Annotated[
        bool,
        flag("repair", f"make again what is missing or broken, from {RUN} and the run's SOURCE"),
    ] = False,
    moved: Annotated[
        Path | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            parser=path_reader("--source"),
            help="where the run's SOURCE is now, if it has moved; --replay and --repair read it",
        ),
    ] = None,
    workers: Workers = None,
    max_seconds: Annotated[
        float,
        number(
            "max-seconds",
            "give up on an image that takes longer to decode",
            metavar="SECONDS",
        ),
    ] = 60.0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check OUT: every row has its file, every file its row, sizes, hashes and labels agree.

    augcli verify augmented
    augcli verify augmented --replay 20
    """
    report = Output(json, quiet)
    refuse_unused(context)
    from augcli.tasks.verify import verify as verify_all

    checked = verify_all(
        out,
        replay=replay,
        repair=repair,
        moved=moved,
        workers=workers,
        max_seconds=max_seconds,
        on_repair=lambda rows: report.note(f"{count_text(rows, 'row')} made again."),
    )
    if not repair:
        _warn_of_leftovers(out, report)
    faults, total = checked.faults, checked.total
    values = {
        "out": str(out),
        "rows": checked.rows,
        "replayed": checked.replayed,
        "repaired": checked.repaired,
        "fault_count": total,
        "faults": [fault._asdict() for fault in faults],
    }
    again = f", {checked.replayed} made again" if replay is not None else ""
    done = f"OUT {out} is checked, with {count_text(total, 'fault')}"
    if not total:
        report.result(
            values,
            f"{count_text(checked.rows, 'row')} and"
            f" {'its file' if checked.rows == 1 else 'their files'} agree{again}.",
            done=done,
        )
        return
    kinds = checked.kinds
    summary = f"{count_text(total, 'fault')} in {count_text(checked.rows, 'row')}{again}"
    if not all(each.are_all_shown for each in kinds):
        summary += "; --json lists " + (
            "each" if len(faults) == total else f"{len(faults)} of them"
        )
    lines = [escape(line) for each in kinds for line in each.lines()]
    advice = _advice(out, faults, repair=repair)
    report.result(values, "\n".join([*lines, f"{summary}.", *map(escape, advice)]), done=done)
    raise typer.Exit(1)


def _warn_of_leftovers(out: Path, report: Output) -> None:
    """Say what a killed process left in OUT, unless one is at work there."""
    from augcli.store.leftovers import leftovers
    from augcli.store.lock import refuse_held

    places = leftovers(out)
    if not places:
        return
    try:
        refuse_held(out)
    except UserError:
        return
    others = f", and {count_text(len(places) - 1, 'other')} there" if len(places) > 1 else ""
    report.warn(
        f"a process that was killed in its last steps left {places[0]}{others}; nothing needs that"
        f" any more, and `augcli verify {out} --repair` removes it."
    )
