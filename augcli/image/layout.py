"""Where everything on a contact sheet lies: lines of pictures, in stacks side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from augcli.arrays.types import Colour, Shape
from augcli.image.box import Box
from augcli.image.lettering import wrap, wrap_whole
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
_HEADING_LINES, _TITLE_LINES, _NAME_LINES, _NOTE_LINES, _TEXT_LINES = 12, 3, 2, 14, 10  # at most
_LABELS = 5
_HANG = 10  # pixels by which all lines of a sentence but its first stand further right
_THINNEST = 24  # pixels of a picture's shorter side
_NOTICED = 1.1  # a distortion that is mentioned


class Text(NamedTuple):
    """Words as they are drawn from their top left corner, in a place of `width` pixels."""

    left: int
    top: int
    width: int
    words: str
    size: int
    colour: Colour
    to_the_right: bool = False


class PlacedPanel(NamedTuple):
    """A panel's picture, which is as large as this box."""

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
    placed: list[PlacedPanel]
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
    row = _TITLE_LINES * _TITLE_LINE + grid.cell + _NOTE_LINES * _NOTE_LINE + _GAP
    caption = _LABELS * (_NAME_LINES * _TITLE_LINE + _BAR + 6) + 4 + _TEXT_LINES * _NOTE_LINE
    height = max(rows * row, caption if captions else 0) + _GAP
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
    lines = _heading(heading, width - 2 * _GAP)
    for number, (hang, words) in enumerate(lines):
        top = _GAP + number * _HEADING_LINE
        room = width - 2 * _GAP - hang
        whole.texts.append(Text(_GAP + hang, top, room, words, _HEADING, INK))
    begin = 2 * _GAP + len(lines) * _HEADING_LINE
    for number, stack in enumerate(stacks):
        top = begin
        for block in stack:
            _add(whole, block, _GAP + number * (grid.width + _BETWEEN_STACKS), top)
            top += block.height
    return whole._replace(height=begin + tallest)


def _heading(sentences: Sequence[str], width: int) -> list[tuple[int, str]]:
    """The lines of a heading, each with how far it stands to the right. Of too long a heading the
    last sentence is there all the same."""
    *others, last = sentences or [""]
    end = list(_sentences([last], _HEADING, width, _HEADING_LINES))
    return [*_sentences(others, _HEADING, width, _HEADING_LINES - len(end)), *end]


def _add(whole: Layout, block: Layout, left: int, top: int) -> None:
    for text in block.texts:
        whole.texts.append(text._replace(left=left + text.left, top=top + text.top))
    for placed_panel in block.placed:
        whole.placed.append(placed_panel._replace(cell=_move(placed_panel.cell, left, top)))
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
    shapes = [shown_shape((p.image.shape[0], p.image.shape[1]), cell) for p in panels]
    titles = [wrap_whole(panel.title, _TITLE, cell, _TITLE_LINES) for panel in panels]
    begin = top + max(map(len, titles)) * _TITLE_LINE
    below = begin + max(rows for rows, _ in shapes)
    most = 0
    for column, (panel, title, shape) in enumerate(zip(panels, titles, shapes, strict=True)):
        left = column * (cell + _GAP)
        for number, words in enumerate(title):
            above = begin - (len(title) - number) * _TITLE_LINE
            block.texts.append(Text(left, above, cell, words, _TITLE, INK))
        block.placed.append(PlacedPanel(Box(begin, left, begin + shape[0], left + shape[1]), panel))
        sentences = [*panel.notes, *_distortion(panel, shape)]
        notes = list(_sentences(sentences, _NOTE, cell, _NOTE_LINES))
        for number, (hang, words) in enumerate(notes):
            text = Text(
                left + hang, below + 2 + number * _NOTE_LINE, cell - hang, words, _NOTE, FAINT
            )
            block.texts.append(text)
        most = max(most, len(notes))
    return below + most * _NOTE_LINE + _GAP


def shown_shape(shape: Shape, cell: int) -> Shape:
    """How large a picture of `shape` (rows, columns) is drawn in a square cell: a small one by a
    whole factor, so that its pixels stay squares of one size, and none so thin that nothing of it
    is seen."""
    longer = max(shape)
    rows, columns = (
        side * (cell // longer) if longer <= cell else round(side * cell / longer) for side in shape
    )
    return max(_THINNEST, rows), max(_THINNEST, columns)


def _distortion(panel: Panel, shape: Shape) -> Iterator[str]:
    """What to say of a picture that is drawn thicker than it is."""
    height, width = panel.image.shape[:2]
    times = shape[0] * width / (shape[1] * height)
    if shape[0] == _THINNEST and times > _NOTICED:
        yield f"drawn {times:.1f} times as high as it is"
    elif shape[1] == _THINNEST and 1 / times > _NOTICED:
        yield f"drawn {1 / times:.1f} times as wide as it is"


def _sentences(
    sentences: Sequence[str], size: int, width: int, most: int
) -> Iterator[tuple[int, str]]:
    """The lines of sentences, each with how far it stands to the right."""
    left = most
    for sentence in sentences:
        lines = wrap(sentence, size, width, left, _HANG) if left else ()
        left -= len(lines)
        yield from ((_HANG if number else 0, words) for number, words in enumerate(lines))


def _place_caption(block: Layout, line: Line, grid: _Grid) -> int:
    """Place the label and the sentences behind the pictures; returns where they end."""
    left, top, wide = grid.across * (grid.cell + _GAP), _GAP // 2, grid.caption - _GAP
    for number, (name, weight) in enumerate(line.label):
        lines = wrap_whole(name, _TITLE, wide - 70, _NAME_LINES)
        for below, words in enumerate(lines):
            here = top + below * _TITLE_LINE
            block.texts.append(Text(left, here, wide - 70, words, _TITLE, INK))
        text = weight_text(weight)
        block.texts.append(Text(left + wide - 66, top, 66, text, _TITLE, INK, to_the_right=True))
        top += max(1, len(lines)) * _TITLE_LINE
        block.bars.append(Bar(Box(top, left, top + _BAR, left + wide), TRACK))
        right = left + max(1, round(wide * min(1.0, weight)))
        block.bars.append(Bar(Box(top, left, top + _BAR, right), _COLOURS[number % len(_COLOURS)]))
        top += _BAR + 6
    top += 4
    for hang, words in _sentences(line.text, _NOTE, wide, _TEXT_LINES):
        block.texts.append(Text(left + hang, top, wide - hang, words, _NOTE, FAINT))
        top += _NOTE_LINE
    return top
