"""What of the options about archives is wrong."""

from __future__ import annotations

from augcli.enums import Originals, OutputFormat
from augcli.errors import UserError
from augcli.tasks.amounts import parse_bytes
from augcli.tasks.limits import MOST_OUTPUTS
from augcli.text import shorten

# Bytes of an archive of one small image.
_LEAST = 10 << 10


def parse_shard_size(text: str | None, kept: OutputFormat) -> str | None:
    """--shard-size as records have it: a number of samples, or of bytes with their unit; None where
    outputs are not kept in archives. Raises UserError for what is neither."""
    if text is None:
        return None
    from augcli.store.sinks.shard_size import size_text

    digits = text.strip().replace("_", "").replace(",", "")
    if digits.isascii() and digits.isdecimal():
        if not 1 <= int(digits[:20]) <= MOST_OUTPUTS:
            raise UserError(
                f"--shard-size {shorten(text, 40)} is no number of samples; give 1 to"
                f" {MOST_OUTPUTS}."
            )
        written = str(int(digits))
    else:
        try:
            size = parse_bytes(text, "shard-size")
        except UserError as error:
            raise UserError(
                f"--shard-size {shorten(text, 40)} is no size; write bytes like 500M or 1GB, or a"
                " number of samples like 10000."
            ) from error
        if size < _LEAST:
            raise UserError(
                f"--shard-size {shorten(text, 40)} is less than {_LEAST} bytes, which an archive of"
                " one small image has; give more."
            )
        written = size_text(size)
    return written if kept is OutputFormat.webdataset else None


def check_links(kept: OutputFormat, originals: Originals) -> None:
    """Refuse links where outputs are kept in archives; raises UserError."""
    if kept is OutputFormat.webdataset and originals is Originals.link:
        raise UserError(
            "--include-originals link cannot link into the tars of --output-format webdataset; give"
            " --include-originals copy."
        )
