"""Draws a contact sheet."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from augcli.arrays.types import Pixels, Shape
from augcli.image.fit import scaled
from augcli.image.layout import INK, Layout, lay_out
from augcli.image.lettering import font
from augcli.image.sheet import Panel, Sheet

_PAPER, _BOX = (255, 255, 255), (255, 255, 255)
_FRAME = (190, 190, 190)
_ARM = 7  # pixels from the middle of a cross to its ends, of which one is its edge
_THIN = 6


def draw_sheet(sheet: Sheet) -> Pixels:
    """The sheet as uint8 RGB (H, W, 3), each picture shown whole."""
    return draw_layout(lay_out(sheet))


def draw_layout(layout: Layout) -> Pixels:
    """What was laid out, as uint8 RGB (H, W, 3)."""
    paper = Image.new("RGB", (layout.width, layout.height), _PAPER)
    pen = ImageDraw.Draw(paper)
    for box, colour in layout.bars:
        pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), colour)
    for cell, panel in layout.placed:
        # Where an image ends is seen also where it is as white as the paper.
        pen.rectangle((cell.left - 1, cell.top - 1, cell.right, cell.bottom), None, _FRAME)
        picture = Image.fromarray(draw_marks(panel, (cell.height, cell.width)))
        paper.paste(picture, (cell.left, cell.top))
    for text in layout.texts:
        anchor, left = ("ra", text.left + text.width) if text.to_the_right else ("la", text.left)
        pen.text((left, text.top), text.words, text.colour, font(text.size), anchor=anchor)
    return np.array(paper)


def draw_marks(panel: Panel, shape: Shape) -> Pixels:
    """A panel's picture at the size of `shape` (rows, columns), as uint8 RGB, with its boxes and
    its cross, whole and inside of it. What is enlarged shows its pixels as they are."""
    height, width = panel.image.shape[:2]
    picture = Image.fromarray(np.ascontiguousarray(scaled(panel.image, shape)))
    pen = ImageDraw.Draw(picture)
    down, across = shape[0] / height, shape[1] / width
    for box in panel.boxes:
        if box.area == 0:
            continue
        left, top = int(box.left * across), int(box.top * down)
        right = max(left, min(shape[1], round(box.right * across)) - 1)
        bottom = max(top, min(shape[0], round(box.bottom * down)) - 1)
        pen.rectangle((left, top, right, bottom), outline=INK, width=3)
        if min(right - left, bottom - top) >= _THIN:  # else nothing else would be seen
            pen.rectangle((left, top, right, bottom), outline=_BOX, width=1)
    if panel.mark is not None:
        arm = max(0, min(_ARM, (min(shape) - 1) // 2))
        y = min(max(int((panel.mark[0] + 0.5) * down), arm), shape[0] - 1 - arm)
        x = min(max(int((panel.mark[1] + 0.5) * across), arm), shape[1] - 1 - arm)
        for edge, colour in ((0, INK), (1, _BOX)):
            long, thick = max(0, arm - edge), min(arm, 2 - edge)
            pen.rectangle((x - long, y - thick, x + long, y + thick), colour)
            pen.rectangle((x - thick, y - long, x + thick, y + long), colour)
    return np.array(picture)
