"""Tables in files: CSV, TSV, JSON lines, Parquet; their columns, and their rows one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augcli.data import delimited, json_lines, parquet_columns
from augcli.data.columns import UnreadColumns

_KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True)
class Table:
    """A table: its file, its kind (csv, tsv, jsonl, parquet), the names of its columns, and the
    names of the classes of those whose integers are ids of some."""

    source: Path
    kind: str
    columns: tuple[str, ...]
    class_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def divider(self) -> str:
        """What stands between columns; empty where nothing does."""
        return delimited.DIVIDERS.get(self.kind, "")

    @property
    def top(self) -> str:
        """Where its columns are named, as the beginning of a sentence."""
        return str(self.source) if self.kind == "parquet" else f"{self.source}, line 1"

    def where(self, number: int) -> str:
        """A row as the beginning of a sentence."""
        return f"{self.source}, {'row' if self.kind == 'parquet' else 'line'} {number}"


def kind_of(source: Path) -> str | None:
    """The kind of a table, by its file's name; None for another file."""
    name = source.name.lower()
    if name.endswith(".parquet"):
        return "parquet"
    return _KINDS.get(Path(name.removesuffix(".gz")).suffix)


def open_table(source: Path) -> Table:
    """The columns of a table; raises UserError where it is none, or pyarrow is missing."""
    kind = kind_of(source)
    assert kind is not None
    if kind == "parquet":
        return Table(source, kind, *parquet_columns.columns(source))
    read = json_lines.columns if kind == "jsonl" else delimited.columns
    return Table(source, kind, tuple(read(source, kind)))


def rows(
    table: Table, places: Sequence[int], unread: UnreadColumns | None = None
) -> Iterator[tuple[int, Sequence[Any]]]:
    """The number of each row (of its line, in a text) and its values in the columns at `places`;
    None for one that it has not. Empty lines are passed over. A column that only a later row has is
    noted in `unread`.

    Values in CSV are text, with other bytes than UTF-8 as Python's surrogateescape has them.
    Raises UserError, with the line, for what is no row.
    """
    if table.kind == "parquet":
        return parquet_columns.rows(table.source, [table.columns[place] for place in places])
    if table.kind == "jsonl":
        names = [table.columns[place] for place in places]
        return json_lines.rows(table.source, names, table.columns, unread or UnreadColumns())
    return delimited.rows(table.source, table.kind, places, len(table.columns))
