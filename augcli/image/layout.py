"""Where everything on a contact sheet lies: lines of pictures, in stacks side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from augcli.arrays.types import Colour
from augcli.image.box import Box
from augcli.image.lettering import cut_middle, wrap
from augcli.image.sheet import Line, Panel, Sheet, weight_text

INK, FAINT, TRACK = (28, 30, 33), (105, 109, 115), (226, 228, 232)
_COLOURS = ((38, 109, 211), (230, 126, 34), (46, 160, 103), (149, 82, 176), (200, 60, 70))

# Sides of the cells for pictures, the largest with which a sheet is no larger than this a side.
_CELLS = (208, 160, 120)
_VIEWABLE = 4000
_GAP, _BETWEEN_STACKS = 12, 36
_CAPTION = 280
_ACROSS = 6  # pictures in a row
_BAR = 9
_HEADING, _TITLE, _NOTE = 16, 14, 12  # sizes of letters
_HEADING_LINE, _TITLE_LINE, _NOTE_LINE = 23, 20, 16
_HEADING_LINES, _NOTE_LINES, _TEXT_LINES = 6, 14, 8  # at most


class Text(NamedTuple):
    """Words as they are drawn from their top left corner, in a place of `width` pixels."""

    left: int
    top: int
    width: int
    words: str
    size: int
    colour: Colour
    to_the_right: bool = False


class Picture(NamedTuple):
    """A panel's picture, shown whole in a cell."""

    cell: Box
    panel: Panel


class Bar(NamedTuple):
    """A filled rectangle."""

    box: Box
    colour: Colour


class Layout(NamedTuple):
    """What is drawn on a sheet of these sides in pixels."""

    width: int
    height: int
    texts: list[Text]
    pictures: list[Picture]
    bars: list[Bar]


class _Grid(NamedTuple):
    """What all lines of a sheet have in common: the side of a cell, pictures in a row, and the
    width of the captions behind them."""

    cell: int
    across: int
    caption: int

    @property
    def width(self) -> int:
        return self.across * (self.cell + _GAP) + self.caption


def most_lines(panels: int, side: int, *, captions: bool) -> int:
    """How many lines of `panels` pictures, with labels or not, fit for certain into a sheet of
    `side` pixels."""
    rows = -(-panels // _ACROSS)
    grid = _Grid(_CELLS[-1], min(panels, _ACROSS), _CAPTION if captions else 0)
    row = _TITLE_LINE + grid.cell + _NOTE_LINES * _NOTE_LINE + _GAP
    height = max(rows * row, _TEXT_LINES * _NOTE_LINE * 3 if captions else 0) + _GAP
    free = side - _HEADING_LINES * _HEADING_LINE - 3 * _GAP
    across = (side - _GAP + _BETWEEN_STACKS) // (grid.width + _BETWEEN_STACKS)
    return max(0, free // height) * max(0, across)


def lay_out(sheet: Sheet) -> Layout:
    """Lay out a sheet; its lines stand in so many stacks that its longer side is short."""
    across = _across(max(len(line.panels) for line in sheet.lines))
    caption = _CAPTION if any(line.label or line.text for line in sheet.lines) else 0
    for cell in _CELLS:
        grid = _Grid(cell, across, caption)
        blocks = [_block(line, grid) for line in sheet.lines]
        stacked = _in_a_stack([block.height for block in blocks], grid.width)
        stacks = [blocks[i : i + stacked] for i in range(0, len(blocks), stacked)]
        layout = _assemble(sheet.heading, stacks, grid)
        if max(layout.width, layout.height) <= _VIEWABLE:
            break
    return layout


def _across(panels: int) -> int:
    """How many pictures stand in a row, so that rows are about equally long."""
    return -(-panels // -(-panels // _ACROSS))


def _sides(stacks: Sequence[Sequence[Layout]], grid: _Grid) -> tuple[int, int]:
    """Width and height without a heading."""
    tallest = max(sum(block.height for block in stack) for stack in stacks)
    return _GAP + _width(len(stacks), grid.width), tallest


def _width(stacks: int, width: int) -> int:
    """How wide so many stacks are beside each other."""
    return stacks * (width + _BETWEEN_STACKS) - _BETWEEN_STACKS


def _in_a_stack(heights: Sequence[int], width: int) -> int:
    """How many lines make a stack, so that the longer side of all stacks is as short as can be."""

    def longer_side(stacked: int) -> int:
        parts = [heights[i : i + stacked] for i in range(0, len(heights), stacked)]
        return max(_width(len(parts), width), max(map(sum, parts)))

    return min(range(1, len(heights) + 1), key=longer_side)


def _assemble(heading: Sequence[str], stacks: Sequence[Sequence[Layout]], grid: _Grid) -> Layout:
    width, tallest = _sides(stacks, grid)
    whole = Layout(width, 0, [], [], [])
    lines: list[str] = []
    for sentence in heading:
        left = _HEADING_LINES - len(lines)
        lines += wrap(sentence, _HEADING, width - 2 * _GAP, left) if left else []
    for number, words in enumerate(lines):
        top = _GAP + number * _HEADING_LINE
        whole.texts.append(Text(_GAP, top, width - 2 * _GAP, words, _HEADING, INK))
    begin = 2 * _GAP + len(lines) * _HEADING_LINE
    for number, stack in enumerate(stacks):
        top = begin
        for block in stack:
            _add(whole, block, _GAP + number * (grid.width + _BETWEEN_STACKS), top)
            top += block.height
    return whole._replace(height=begin + tallest)


def _add(whole: Layout, block: Layout, left: int, top: int) -> None:
    for text in block.texts:
        whole.texts.append(text._replace(left=left + text.left, top=top + text.top))
    for picture in block.pictures:
        whole.pictures.append(picture._replace(cell=_move(picture.cell, left, top)))
    for bar in block.bars:
        whole.bars.append(bar._replace(box=_move(bar.box, left, top)))


def _move(box: Box, left: int, top: int) -> Box:
    return Box(box.top + top, box.left + left, box.bottom + top, box.right + left)


def _block(line: Line, grid: _Grid) -> Layout:
    """One line by itself."""
    block = Layout(grid.width, 0, [], [], [])
    block.bars.append(Bar(Box(0, 0, 1, grid.width - _GAP), TRACK))
    top = _GAP // 2
    for start in range(0, len(line.panels), grid.across):
        top = _place_row(block, line.panels[start : start + grid.across], grid.cell, top)
    bottom = _place_caption(block, line, grid)
    return block._replace(height=max(top, bottom) + _GAP // 2)


def _place_row(block: Layout, panels: Sequence[Panel], cell: int, top: int) -> int:
    """Place pictures beside each other; returns where the next row begins."""
    tall = max(map(_height_in, panels, [cell] * len(panels)))
    most = 0
    for column, panel in enumerate(panels):
        left = column * (cell + _GAP)
        title = cut_middle(panel.title, _TITLE, cell)
        block.texts.append(Text(left, top, cell, title, _TITLE, INK))
        begin = top + _TITLE_LINE
        block.pictures.append(Picture(Box(begin, left, begin + tall, left + cell), panel))
        notes = list(_notes(panel.notes, cell, _NOTE_LINES))
        for number, words in enumerate(notes):
            below = begin + tall + 2 + number * _NOTE_LINE
            block.texts.append(Text(left, below, cell, words, _NOTE, FAINT))
        most = max(most, len(notes))
    return top + _TITLE_LINE + tall + most * _NOTE_LINE + _GAP


def _height_in(panel: Panel, cell: int) -> int:
    """The height of a picture that is shown whole in a square cell."""
    height, width = panel.image.shape[:2]
    return min(cell, max(1, round(cell * height / width)))


def _notes(sentences: Sequence[str], width: int, most: int) -> Iterator[str]:
    left = most
    for sentence in sentences:
        lines = wrap(sentence, _NOTE, width, left) if left else []
        left -= len(lines)
        yield from lines


def _place_caption(block: Layout, line: Line, grid: _Grid) -> int:
    """Place the label and the sentences behind the pictures; returns where they end."""
    left, top, wide = grid.across * (grid.cell + _GAP), _GAP // 2, grid.caption - _GAP
    for number, (name, weight) in enumerate(line.label):
        block.texts.append(
            Text(left, top, wide - 70, cut_middle(name, _TITLE, wide - 70), _TITLE, INK)
        )
        block.texts.append(
            Text(left + wide - 66, top, 66, weight_text(weight), _TITLE, INK, to_the_right=True)
        )
        top += _TITLE_LINE
        block.bars.append(Bar(Box(top, left, top + _BAR, left + wide), TRACK))
        right = left + max(1, round(wide * min(1.0, weight)))
        block.bars.append(Bar(Box(top, left, top + _BAR, right), _COLOURS[number % len(_COLOURS)]))
        top += _BAR + 6
    top += 4
    for words in _notes(line.text, wide, _TEXT_LINES):
        block.texts.append(Text(left, top, wide, words, _NOTE, FAINT))
        top += _NOTE_LINE
    return top
