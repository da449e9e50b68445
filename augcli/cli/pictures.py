"""Pictures in the terminal, in its own colours, with text as text."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from augcli.errors import UserError, escape

if TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment

    from augcli.image.sheet import Panel, Sheet

_UPPER_HALF = "▀"
_GAP = 2
# The fewest columns in which pictures stand side by side.
_WIDE = 100
_ROOM = 6  # lines of the window that are left to text


def require_colours() -> None:
    """Refuse --show where standard output takes no colours; raises UserError."""
    console = _console()
    if console.no_color:
        reason = "NO_COLOR is set"
    elif not console.is_terminal:
        reason = "standard output is not a terminal"
    elif console.color_system is None:
        reason = f"TERM={os.environ.get('TERM', '')} has none"
    else:
        return
    raise UserError(
        f"--show draws in colours, and {reason}; leave it out and open the file that --to names."
    )


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def show(sheet: Sheet) -> None:
    """Draw the targets and results of a sheet as large as the terminal's window takes them, two
    pixels a character, or one where the encoding has no half blocks.

    Raises StdoutLost.
    """
    from augcli.image.sheet import weight_text

    console = _console()
    across = 2 if console.width >= _WIDE else 1
    for sentence in sheet.heading:
        _write(console, sentence)
    for number, line in enumerate(sheet.lines, 1):
        _write(console, f"\n{number} of {len(sheet.lines)}")
        panels = [panel for panel in line.panels if panel.main]
        for start in range(0, len(panels), across):
            _show_row(console, panels[start : start + across], across)
        if line.label:
            label = ", ".join(f"{name} {weight_text(weight)}" for name, weight in line.label)
            _write(console, f"label: {label}")
        if line.text:
            _write(console, _joined(line.text))
    sys.stdout.flush()


def _show_row(console: Console, panels: Sequence[Panel], across: int) -> None:
    """Pictures side by side under their titles; what else is said of them stands below."""
    from rich.cells import set_cell_size
    from rich.segment import Segment, Segments

    columns = (console.width - _GAP * (across - 1)) // across
    titles = [set_cell_size(escape(panel.title), columns) for panel in panels]
    console.print((" " * _GAP).join(titles).rstrip(), markup=False, emoji=False, no_wrap=True)
    pictures = [_characters(panel.image, columns, console.height - _ROOM) for panel in panels]
    segments: list[Segment] = []
    for row in range(max(map(len, pictures))):
        for picture in pictures:
            characters = picture[row] if row < len(picture) else []
            segments += characters
            segments.append(Segment(" " * (columns + _GAP - len(characters))))
        segments[-1] = Segment.line()
    console.print(Segments(segments))
    for panel in panels:
        if panel.notes:
            _write(console, f"{panel.title.partition(': ')[0]}: {_joined(panel.notes)}")


def _joined(sentences: Sequence[str]) -> str:
    """Sentences on one line; one that announces the next ends with a colon."""
    return "; ".join(sentences).replace(":; ", ": ")


def _write(console: Console, text: str) -> None:
    """A line of text as it is, wrapped at the width of the window."""
    lines = (escape(line) for line in text.split("\n"))
    console.print("\n".join(lines), markup=False, emoji=False)


def _characters(image: Any, columns: int, lines: int) -> list[list[Segment]]:
    """A uint8 RGB picture (H, W, 3), as large as so many columns and lines hold it."""
    from rich.color import Color
    from rich.segment import Segment
    from rich.style import Style

    from augcli.image.fit import scaled

    character, pixels = (_UPPER_HALF, 2) if _can_encode(_UPPER_HALF) else (" ", 1)
    height, width = image.shape[:2]
    # A character is about twice as high as it is wide.
    scale = min(columns / width, 2 * max(lines, 1) / height)
    if scale > 1:
        scale = int(scale)  # so that the pixels stay squares of one size
    across = max(1, round(width * scale))
    down = max(1, round(height * scale / 2))
    small = scaled(image, (down * pixels, across)).tolist()
    return [
        [
            Segment(character, Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
            for above, below in zip(upper, lower, strict=True)
        ]
        for upper, lower in zip(small[::pixels], small[pixels - 1 :: pixels], strict=True)
    ]


def _can_encode(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
