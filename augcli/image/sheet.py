"""Draws a contact sheet: rows of titled pictures, and a caption with bars at the end of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from augcli.choices import Fit
from augcli.image.box import Box
from augcli.image.fit import Fitted, Pixels, place

_CELL = 208
_GAP = 12
_TITLE = 40
_LINE = 20
_BAR = 9
_CAPTION = 300
_GRID = 6  # columns
_HIGHEST = 2 * _LINE + _CELL + 18
_PAPER, _INK, _FAINT, _TRACK = (255, 255, 255), (28, 30, 33), (120, 124, 130), (233, 235, 238)
_COLOURS = ((38, 109, 211), (230, 126, 34), (46, 160, 103), (149, 82, 176), (200, 60, 70))
_BOX = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture (uint8 RGB), two short lines above it, and boxes and a pixel to mark in it."""

    title: str
    note: str
    image: Pixels
    boxes: tuple[Box, ...] = ()
    mark: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One example: its pictures, its soft label as (class name, weight), and lines of text."""

    panels: Sequence[Panel]
    label: Sequence[tuple[str, float]]
    text: Sequence[str]


def most_lines(panels: int, side: int) -> int:
    """How many lines of `panels` pictures fit into a sheet of `side` pixels, however tall."""
    return _most(_HIGHEST, panels * (_CELL + _GAP) + _CAPTION + _GAP, side)


def most_sections(panels: int, side: int) -> int:
    """How many sections of `panels` pictures fit into a grid of `side` pixels, however tall."""
    return _most(-(-panels // _GRID) * _HIGHEST, _GRID * (_CELL + _GAP), side)


def draw_sheet(heading: str, lines: Sequence[Line], side: int) -> Pixels:
    """The sheet as uint8 RGB (H, W, 3), each picture shown whole inside a square cell.

    Where it would be taller than `side` pixels, its lines stand in several stacks side by side.
    """
    columns = max(len(line.panels) for line in lines)
    stacks = _stacks([_height(line) for line in lines], side)
    wide = columns * (_CELL + _GAP) + _CAPTION + _GAP
    sheet, pen = _paper(heading, stacks, wide)
    for line, (left, top) in zip(lines, _corners(stacks, wide), strict=True):
        pen.line((left, top, left + wide - _GAP, top), _TRACK)
        for column, panel in enumerate(line.panels):
            cell = _tallest(line.panels)
            _draw_panel(sheet, pen, panel, cell, left + column * (_CELL + _GAP), top + 6)
        _draw_caption(pen, line, left + columns * (_CELL + _GAP) + 4, top + 8)
    return np.array(sheet)


def draw_grid(heading: str, sections: Sequence[Sequence[Panel]], side: int) -> Pixels:
    """Panels in rows, each section on new rows, as uint8 RGB (H, W, 3).

    Where it would be taller than `side` pixels, its sections stand in several stacks side by side.
    """
    by_row = [[part[i : i + _GRID] for i in range(0, len(part), _GRID)] for part in sections]
    stacks = _stacks([sum(map(_row_height, rows)) for rows in by_row], side)
    wide = _GRID * (_CELL + _GAP)
    sheet, pen = _paper(heading, stacks, wide)
    for rows, (left, begin) in zip(by_row, _corners(stacks, wide), strict=True):
        top = begin
        for row in rows:
            pen.line((left, top, left + wide - _GAP, top), _TRACK)
            for column, panel in enumerate(row):
                cell = _tallest(row)
                _draw_panel(sheet, pen, panel, cell, left + column * (_CELL + _GAP), top + 6)
            top += _row_height(row)
    return np.array(sheet)


def _most(height: int, width: int, side: int) -> int:
    return max(0, (side - _TITLE - _GAP) // height) * max(0, (side - _GAP) // width)


def _stacks(heights: Sequence[int], side: int) -> list[list[int]]:
    """The heights of blocks, in stacks that are at most as tall as a sheet of `side` pixels."""
    stacks: list[list[int]] = [[]]
    for height in heights:
        if stacks[-1] and _TITLE + sum(stacks[-1]) + height + _GAP > side:
            stacks.append([])
        stacks[-1].append(height)
    return stacks


def _corners(stacks: Sequence[Sequence[int]], wide: int) -> Iterator[tuple[int, int]]:
    """The left and top of each block."""
    for number, stack in enumerate(stacks):
        top = _TITLE
        for height in stack:
            yield _GAP + number * wide, top
            top += height


def _paper(
    heading: str, stacks: Sequence[Sequence[int]], wide: int
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    height = _TITLE + max(map(sum, stacks)) + _GAP
    sheet = Image.new("RGB", (_GAP + len(stacks) * wide, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, 10), heading, _INK, _font(17))
    return sheet, pen


def _row_height(panels: Sequence[Panel]) -> int:
    return 2 * _LINE + _tallest(panels) + 18


def _tallest(panels: Sequence[Panel]) -> int:
    """The height of the cells that show these pictures whole at the width of a cell."""
    shapes = [panel.image.shape[:2] for panel in panels]
    return max(min(_CELL, max(1, round(_CELL * height / width))) for height, width in shapes)


def _height(line: Line) -> int:
    caption = len(line.label) * (_LINE + _BAR + 6) + len(line.text) * (_LINE - 2) + 24
    return max(_row_height(line.panels), caption)


def _draw_panel(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, panel: Panel, tall: int, left: int, top: int
) -> None:
    _write(pen, (left, top), panel.title, 14, _INK, _CELL)
    _write(pen, (left, top + 18), panel.note, 12, _FAINT, _CELL)
    top += 2 * _LINE
    height, width = panel.image.shape[:2]
    cell = Fitted(panel.image, (tall, _CELL), Fit.contain, _PAPER)
    sheet.paste(Image.fromarray(np.ascontiguousarray(cell.pixels())), (left, top))
    land = place((height, width), (tall, _CELL), Fit.contain).landing
    down, across = land.height / height, land.width / width
    origin = (left + land.left, top + land.top)
    for box in panel.boxes:
        corners = (
            origin[0] + box.left * across,
            origin[1] + box.top * down,
            origin[0] + max(box.right * across - 1, box.left * across),
            origin[1] + max(box.bottom * down - 1, box.top * down),
        )
        pen.rectangle(corners, outline=_INK, width=3)
        pen.rectangle(corners, outline=_BOX, width=1)
    if panel.mark is not None:
        y, x = origin[1] + (panel.mark[0] + 0.5) * down, origin[0] + (panel.mark[1] + 0.5) * across
        for thick, colour in ((4, _INK), (2, _BOX)):
            pen.line((x - 7, y, x + 7, y), colour, thick)
            pen.line((x, y - 7, x, y + 7), colour, thick)


def _draw_caption(pen: ImageDraw.ImageDraw, line: Line, left: int, top: int) -> None:
    wide = _CAPTION - _GAP
    for number, (name, weight) in enumerate(line.label):
        colour = _COLOURS[number % len(_COLOURS)]
        _write(pen, (left, top), name, 14, _INK, wide - 60)
        pen.text((left + wide, top), f"{weight:.3f}", _INK, _font(14), anchor="ra")
        top += _LINE
        pen.rectangle((left, top, left + wide, top + _BAR - 1), _TRACK)
        pen.rectangle((left, top, left + max(1, round(wide * weight)), top + _BAR - 1), colour)
        top += _BAR + 6
    top += 6
    for text in line.text:
        _write(pen, (left, top), text, 12, _FAINT, wide)
        top += _LINE - 2


def _write(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    colour: tuple[int, int, int],
    width: int,
) -> None:
    """Write one line, its middle left out where it is wider than `width` pixels."""
    font, shown, kept = _font(size), text, len(text)
    while font.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
    pen.text(at, shown, colour, font)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
