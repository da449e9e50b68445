"""A contact sheet as data: what it shows, and all words on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from augcli.arrays.types import Pixels
from augcli.image.box import Box


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture (uint8 RGB) with a title above it, sentences below it, and boxes and a pixel to
    mark in it. `main` ones are targets and results: what is looked at if nothing else is."""

    title: str
    image: Pixels
    notes: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    mark: tuple[int, int] | None = None
    main: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One example: its pictures, its soft label as (class name, weight), and sentences."""

    panels: Sequence[Panel]
    label: Sequence[tuple[str, float]] = ()
    text: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A heading of several sentences, and at least one line."""

    heading: Sequence[str]
    lines: Sequence[Line]


def captions(sheet: Sheet) -> list[str]:
    """Every text of a sheet, whole and in the order in which it is read."""
    return [*sheet.heading, *(text for line in sheet.lines for text in _captions(line))]


def _captions(line: Line) -> Iterator[str]:
    for panel in line.panels:
        yield panel.title
        yield from panel.notes
    for name, weight in line.label:
        yield f"{name} {weight_text(weight)}"
    yield from line.text


def weight_text(weight: float) -> str:
    """The weight of a label beside its bar."""
    if 0 < weight < 0.0005 or 0.9995 <= weight < 1:
        return "<0.1 %" if weight < 0.5 else ">99.9 %"
    return f"{100 * weight:.1f} %"
