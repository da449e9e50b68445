"""Draws a contact sheet: rows of titled pictures, and a caption with bars at the end of each."""

from __future__ import annotations

from collections.abc import Sequence
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


def draw_sheet(heading: str, lines: Sequence[Line]) -> Pixels:
    """The sheet as uint8 RGB (H, W, 3), each picture shown whole inside a square cell."""
    columns = max(len(line.panels) for line in lines)
    heights = [_height(line) for line in lines]
    width = _GAP + columns * (_CELL + _GAP) + _CAPTION + _GAP
    height = _TITLE + sum(heights) + _GAP
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, 10), heading, _INK, _font(17))
    top = _TITLE
    for line, tall in zip(lines, heights, strict=True):
        pen.line((_GAP, top, width - _GAP, top), _TRACK)
        for column, panel in enumerate(line.panels):
            cell = _tallest(line.panels)
            _draw_panel(sheet, pen, panel, cell, _GAP + column * (_CELL + _GAP), top + 6)
        _draw_caption(pen, line, _GAP + columns * (_CELL + _GAP) + 4, top + 8)
        top += tall
    return np.array(sheet)


def draw_grid(heading: str, sections: Sequence[Sequence[Panel]], columns: int = 6) -> Pixels:
    """Panels in rows of `columns`, each section on new rows, as uint8 RGB (H, W, 3)."""
    rows = [
        section[i : i + columns] for section in sections for i in range(0, len(section), columns)
    ]
    cells = [_tallest(row) for row in rows]
    width = _GAP + columns * (_CELL + _GAP)
    height = _TITLE + sum(cells) + len(rows) * (2 * _LINE + 18) + _GAP
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, 10), heading, _INK, _font(17))
    top = _TITLE
    for row, cell in zip(rows, cells, strict=True):
        pen.line((_GAP, top, width - _GAP, top), _TRACK)
        for column, panel in enumerate(row):
            _draw_panel(sheet, pen, panel, cell, _GAP + column * (_CELL + _GAP), top + 6)
        top += cell + 2 * _LINE + 18
    return np.array(sheet)


def _tallest(panels: Sequence[Panel]) -> int:
    """The height of the cells that show these pictures whole at the width of a cell."""
    shapes = [panel.image.shape[:2] for panel in panels]
    return max(min(_CELL, max(1, round(_CELL * height / width))) for height, width in shapes)


def _height(line: Line) -> int:
    caption = len(line.label) * (_LINE + _BAR + 6) + len(line.text) * (_LINE - 2) + 24
    return max(2 * _LINE + _tallest(line.panels) + 18, caption)


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
