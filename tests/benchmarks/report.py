"""Results as records, as tables, as JSON, and held against earlier ones."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

_BEGIN, _END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


@dataclass(frozen=True)
class Record:
    """One row of a table: a quantity, measured once a round, and what it should be."""

    section: str
    name: str
    quantity: str
    samples: list[float]
    at_most: float | None = None
    at_least: float | None = None
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The median over the rounds."""
        return median(self.samples)

    @property
    def kept(self) -> bool | None:
        """Whether the median is what it should be; None where nothing is asked."""
        if self.at_most is None and self.at_least is None:
            return None
        low = -inf if self.at_least is None else self.at_least
        return low <= self.value <= (inf if self.at_most is None else self.at_most)

    @property
    def target(self) -> str:
        """What it should be, and whether it is."""
        if self.kept is None:
            return ""
        if self.at_most is None:
            bound = f">= {self.at_least:g}"
        elif self.at_least is None:
            bound = f"<= {self.at_most:g}"
        else:
            bound = f"{self.at_least:g} to {self.at_most:g}"
        return bound if self.kept else f"{bound}, missed"


def tables(records: Iterable[Record]) -> str:
    """Markdown: one table a section."""
    sections: dict[str, list[Record]] = {}
    for record in records:
        sections.setdefault(record.section, []).append(record)
    return "\n\n".join(_table(name, rows) for name, rows in sections.items())


def _table(section: str, records: list[Record]) -> str:
    beside = list(dict.fromkeys(key for record in records for key in record.beside))
    lines = [[section, records[0].quantity, "spread", "target", *beside]]
    for record in records:
        more = [_number(record.beside[key]) if key in record.beside else "" for key in beside]
        spread = f"{_number(min(record.samples))} to {_number(max(record.samples))}"
        lines.append([record.name, _number(record.value), spread, record.target, *more])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [_line(line, widths) for line in lines]
    rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:]), ""])
    return "\n".join([text[0], rule, *text[1:]])


def _line(cells: list[str], widths: list[int]) -> str:
    first = f"| {cells[0]:{widths[0]}} "
    rest = (f"| {cell:>{width}} " for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "".join([first, *rest, "|"])


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if value < 1 else f"{value:.2f}"


def machine() -> str:
    """Cores and memory, in a word or two."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB"


def joined(before: list[Record], now: list[Record], names: list[str]) -> list[Record]:
    """The records of now, and of those before the ones that were not measured again, in the order
    of `names`, with which their own names begin."""
    measured = {(record.section, record.name) for record in now}
    kept = [record for record in before if (record.section, record.name) not in measured]

    def place(record: Record) -> int:
        begun = [name for name in names if record.name.startswith(name)]
        return names.index(max(begun, key=len)) if begun else len(names)

    return sorted([*kept, *now], key=place)


def write_json(file: Path, records: list[Record], options: dict[str, Any]) -> None:
    """Write records to a file."""
    content = {
        "machine": machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "options": options,
        "records": [{**asdict(record), "median": record.value} for record in records],
    }
    file.write_text(json.dumps(content, indent=1) + "\n")


def read_json(file: Path) -> list[Record]:
    """The records of a file that `write_json` wrote."""
    rows = json.loads(file.read_text())["records"]
    return [Record(**{key: row[key] for key in row if key != "median"}) for row in rows]


def comparison(before: list[Record], now: list[Record]) -> str:
    """Each row's median then and now; `*` where the ranges of the rounds do not overlap."""
    earlier = {(record.section, record.name): record for record in before}
    lines = [["row", "before", "now", "change", ""]]
    for record in now:
        old = earlier.get((record.section, record.name))
        if old is None:
            continue
        apart = min(record.samples) > max(old.samples) or max(record.samples) < min(old.samples)
        change = f"{100 * (record.value / old.value - 1):+.1f} %"
        name = f"{record.section}: {record.name}"
        lines.append([name, _number(old.value), _number(record.value), change, "*" * apart])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def write_section(readme: Path, text: str) -> None:
    """Replace the generated section of the README."""
    head, _, rest = readme.read_text().partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    readme.write_text(f"{head}{_BEGIN}\n{text}\n\n{_END}{tail}")
