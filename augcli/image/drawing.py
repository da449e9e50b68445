"""Draws a contact sheet."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from augcli.arrays.types import Pixels
from augcli.enums import Fit
from augcli.image.fit import Fitted, place
from augcli.image.layout import INK, Layout, lay_out
from augcli.image.lettering import font
from augcli.image.sheet import Panel, Sheet

_PAPER, _BOX = (255, 255, 255), (255, 255, 255)
_FRAME = (190, 190, 190)
_ARM = 7  # pixels of a cross
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
    for cell, panel in layout.pictures:
        shape = panel.image.shape[:2]
        landing = place((shape[0], shape[1]), (cell.height, cell.width), Fit.contain).landing
        picture = Image.fromarray(draw_marks(panel, (landing.height, landing.width)))
        left, top = cell.left + landing.left, cell.top + landing.top
        # Where an image ends is seen also where it is as white as the paper.
        pen.rectangle((left - 1, top - 1, left + picture.width, top + picture.height), None, _FRAME)
        paper.paste(picture, (left, top))
    for text in layout.texts:
        anchor, left = ("ra", text.left + text.width) if text.to_the_right else ("la", text.left)
        pen.text((left, text.top), text.words, text.colour, font(text.size), anchor=anchor)
    return np.array(paper)


def draw_marks(panel: Panel, shape: tuple[int, int]) -> Pixels:
    """A panel's picture at the size of `shape` (rows, columns), as uint8 RGB, with its boxes and
    its cross; nothing of these lies outside of it."""
    height, width = panel.image.shape[:2]
    fitted = Fitted(panel.image, shape, Fit.stretch)
    picture = Image.fromarray(np.ascontiguousarray(fitted.pixels()))
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
        y, x = int((panel.mark[0] + 0.5) * down), int((panel.mark[1] + 0.5) * across)
        for thick, colour in ((4, INK), (2, _BOX)):
            pen.line((x - _ARM, y, x + _ARM, y), colour, thick)
            pen.line((x, y - _ARM, x, y + _ARM), colour, thick)
    return np.array(picture)
