"""What a command says of inputs that it could not use, and when that makes it fail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from augcli.cli.output import Output
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.data.listing import Listing


def skipped_text(skipped: int, errors: Path) -> str:
    """`2 inputs skipped, see OUT/errors.jsonl`."""
    return f"{count_text(skipped, 'input')} skipped, see {errors}"


def failure(skipped: int, max_errors: int) -> dict[str, Any]:
    """What the JSON object of a command says beside its result where skipped inputs make it fail,
    as that of any failure does; else nothing."""
    if skipped <= max_errors:
        return {}
    message = f"{count_text(skipped, 'input')} skipped, --max-errors is {max_errors}"
    return {"error": {"message": message, "exit_code": 1}}


def end_with_skipped(
    report: Output, listing: Listing, skipped: int, max_errors: int, errors: Path
) -> None:
    """Say which classes lost all of their images, and what skipped inputs come to; raises
    typer.Exit where they are too many."""
    if not skipped:
        return
    from augcli.tasks.lost_classes import lost_classes

    lost = lost_classes(listing, skipped, errors)
    if lost:
        report.warn(lost)
    failed = failure(skipped, max_errors)
    if failed:
        report.fail(f"exit 1: {failed['error']['message']}; see {errors}.")
        raise typer.Exit(1)
    if report.as_json or report.quiet:
        report.warn(skipped_text(skipped, errors))
