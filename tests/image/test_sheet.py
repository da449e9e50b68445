"""Where things lie on a contact sheet, and what is drawn there."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from augcli.image.box import Box
from augcli.image.drawing import draw_layout, draw_marks, draw_sheet
from augcli.image.layout import Layout, Text, lay_out, most_lines, shown_shape
from augcli.image.lettering import font, width_of
from augcli.image.sheet import Line, Panel, Sheet, captions

RED = (255, 0, 0)


def plain(height: int, width: int, colour: tuple[int, int, int] = RED) -> np.ndarray:
    image = np.empty((height, width, 3), np.uint8)
    image[:] = colour
    return image


SHAPES = [(60, 80), (1, 1), (1, 3000), (3000, 1), (2, 90), (400, 300)]
LONG = "a_class_name_that_is_longer_than_any_cell_is_wide_and_then_some_more"


def sheet_of(lines: int, panels: int, labels: int = 3) -> Sheet:
    """Pictures of all shapes, with long names and sentences."""
    all_lines = []
    for number in range(lines):
        shapes = [SHAPES[(number + i) % len(SHAPES)] for i in range(panels)]
        of_line = [
            Panel(f"target: {LONG} {i}", plain(*shape), (LONG, "a sentence of words " * (i % 7)))
            for i, shape in enumerate(shapes)
        ]
        label = [(f"{LONG} {i}", 1 / labels) for i in range(labels)]
        all_lines.append(Line(of_line, label, ["lam 0.5", "0123456789abcdef"] if labels else []))
    return Sheet([f"recipe {LONG} " * 5, "folder: 3 of 9 images"], all_lines)


def place_of(text: Text) -> Box:
    """Where the letters of a text lie, by the font's own measure."""
    wide = round(width_of(text.words, text.size))
    left = text.left + text.width - wide if text.to_the_right else text.left
    top, bottom = font(text.size).getbbox("Äpg")[1::2]
    return Box(text.top + int(top), left, text.top + int(bottom), left + wide)


@pytest.mark.parametrize(
    ("lines", "panels", "labels"),
    [(1, 1, 1), (1, 4, 2), (7, 4, 3), (1, 13, 6), (40, 3, 2), (120, 2, 1), (5, 32, 0)],
)
def test_nothing_overlaps_or_leaves_the_sheet(lines: int, panels: int, labels: int) -> None:
    layout = lay_out(sheet_of(lines, panels, labels))
    texts = [place_of(text) for text in layout.texts]
    for text, place in zip(layout.texts, texts, strict=True):
        assert place.width <= text.width, text.words
    bars = [bar.box for bar in layout.bars if bar.box.height > 1]
    cells = [picture.cell for picture in layout.placed]
    for box in (*texts, *cells, *bars):
        assert box.left >= 0 and box.right <= layout.width
        assert box.top >= 0 and box.bottom <= layout.height
    assert len(cells) == lines * panels
    things = [*texts, *cells]
    if len(things) < 600:
        for one, other in combinations(things, 2):
            assert one.overlap(other) == 0
        for one in things:
            assert all(one.overlap(bar) == 0 for bar in bars)


@pytest.mark.parametrize("panels", [1, 3, 4, 8, 24])
@pytest.mark.parametrize("lines", [1, 6, 14, 29, 120])
def test_sheets_are_viewable(lines: int, panels: int) -> None:
    """At most 4,000 pixels a side while that is possible, and then no side much longer than the
    other."""
    image = plain(60, 80)
    sheet = Sheet(["x"], [Line([Panel("t", image, ("n",))] * panels, [("a", 1.0)], ["b"])] * lines)
    layout = lay_out(sheet)
    longer, shorter = max(layout.width, layout.height), min(layout.width, layout.height)
    assert longer <= 4000 or (lines * panels > 400 and longer < 2 * shorter)
    if lines <= 6 and panels <= 4:
        assert (layout.placed[0].cell.height, layout.placed[0].cell.width) == (120, 160)


@pytest.mark.slow
@pytest.mark.parametrize("panels", [1, 3, 5, 7, 32, 60])
@pytest.mark.parametrize("side", [16_383, 65_535])
def test_what_is_said_to_fit_fits(panels: int, side: int) -> None:
    """Also where each picture has as many notes as are shown."""
    most = most_lines(panels, side, captions=True)
    assert most > 0
    notes = ("word " * 200,)
    names = [(f"{LONG} {LONG}", 0.2)] * 5
    line = Line([Panel(f"target: {LONG} {LONG}", plain(120, 80), notes)] * panels, names, notes)
    layout = lay_out(Sheet(["word " * 2000], [line] * min(most, 200)))
    assert max(layout.width, layout.height) <= side


def test_captions_are_all_words_in_order() -> None:
    panels = [Panel("target: Äpfel", plain(2, 2), ("a.png",)), Panel("result", plain(2, 2))]
    sheet = Sheet(["mixup"], [Line(panels, [("Äpfel", 0.609), ("猫", 0.391)], ["lam 0.6090"])])
    assert captions(sheet) == [
        "mixup", "target: Äpfel", "a.png", "result", "Äpfel 60.9 %", "猫 39.1 %", "lam 0.6090",
    ]  # fmt: skip
    words = [text.words for text in lay_out(sheet).texts]
    assert words == [
        "mixup", "target: Äpfel", "a.png", "result",
        "Äpfel", "60.9 %", r"\u732b", "39.1 %", "lam 0.6090",
    ]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mark", [(0, 0), (-1, -1), None])
def test_crosses_and_boxes_stay_inside(shape: tuple[int, int], mark: tuple[int, int]) -> None:
    """Around the picture the paper is as it is without them."""
    height, width = shape
    if mark == (-1, -1):
        mark = (height - 1, width - 1)
    boxes = (Box(0, 0, height, width), Box(height // 2, width // 2, height, width))
    with_marks = Line([Panel("t", plain(*shape), ("n",), boxes, mark)] * 2)
    without = Line([Panel("t", plain(*shape), ("n",))] * 2)
    drawn, bare = (draw_sheet(Sheet(["x"], [line])) for line in (with_marks, without))
    changed = (drawn != bare).any(axis=2)
    assert changed.any()
    layout = lay_out(Sheet(["x"], [without]))
    pictures = (bare == RED).all(axis=2)
    assert not (changed & ~pictures).any()
    for picture in layout.placed:
        changed[picture.cell.slices] = False
    assert not changed.any()


def test_boxes_are_drawn_where_they_are() -> None:
    """At twice the size the edges lie at twice the coordinates, inside of the box."""
    panel = Panel("t", plain(50, 100), boxes=(Box(10, 20, 30, 60),))
    changed = (draw_marks(panel, (100, 200)) != RED).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (20, 59, 40, 119)
    assert not changed[30:50, 50:110].any()


def test_text_is_drawn_in_its_place() -> None:
    """An umlaut has its dots: pixels above the letter."""

    def ink(words: str) -> np.ndarray:
        layout = Layout(60, 40, [Text(10, 10, 40, words, 16, (0, 0, 0))], [], [])
        return np.asarray((draw_layout(layout) < 128).any(axis=2))

    plain_letter, umlaut = ink("u"), ink("ü")
    top = np.flatnonzero(plain_letter.any(axis=1))[0]
    assert umlaut[: top - 1].any() and not plain_letter[: top - 1].any()
    np.testing.assert_array_equal(umlaut[top:], plain_letter[top:])


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((32, 32), (192, 192)),  # by 6
        ((60, 80), (120, 160)),
        ((105, 105), (105, 105)),
        ((1, 1), (208, 208)),
        ((208, 1), (208, 24)),
        ((375, 500), (156, 208)),
        ((500, 375), (208, 156)),
        ((20, 1000), (24, 208)),
        ((1000, 20), (208, 24)),
    ],
)
def test_how_large_a_picture_is_drawn(shape: tuple[int, int], shown: tuple[int, int]) -> None:
    assert shown_shape(shape, 208) == shown


def test_small_images_show_their_pixels() -> None:
    """Each as a square of its colour, at the left edge of its title."""
    image = np.random.default_rng(3).integers(0, 256, (32, 32, 3), np.uint8)
    sheet = Sheet(["x"], [Line([Panel("t", image, ("32 x 32",))])])
    (picture,) = lay_out(sheet).placed
    title = next(text for text in lay_out(sheet).texts if text.words == "t")
    assert (title.left, title.top + 20) == (picture.cell.left, picture.cell.top)
    drawn = draw_sheet(sheet)[picture.cell.slices]
    np.testing.assert_array_equal(drawn, image.repeat(6, axis=0).repeat(6, axis=1))


@pytest.mark.parametrize(
    ("mark", "middle"),
    [
        ((0, 0), (7, 7)), ((49, 99), (92, 192)), ((0, 50), (7, 101)), ((25, 50), (51, 101)),
        ((25, 99), (51, 192)),
    ],
)  # fmt: skip
def test_a_cross_is_whole(mark: tuple[int, int], middle: tuple[int, int]) -> None:
    """Its arms are all there, white with a dark edge, also at the picture's edge."""
    picture = draw_marks(Panel("t", plain(50, 100), mark=mark), (100, 200))
    y, x = middle
    changed = (picture != RED).any(axis=2)
    expected = np.zeros_like(changed)
    expected[y - 7 : y + 8, x - 2 : x + 3] = expected[y - 2 : y + 3, x - 7 : x + 8] = True
    np.testing.assert_array_equal(changed, expected)
    white = np.zeros_like(changed)
    white[y - 6 : y + 7, x - 1 : x + 2] = white[y - 1 : y + 2, x - 6 : x + 7] = True
    np.testing.assert_array_equal((picture == 255).all(axis=2), white)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((20, 1000), ["drawn 5.8 times as high as it is"]),
        ((1000, 20), ["drawn 5.8 times as wide as it is"]),
        ((120, 1000), []),
        ((1, 40), ["drawn 4.8 times as high as it is"]),
        ((32, 32), []),
    ],
)
def test_what_is_drawn_thicker_says_so(shape: tuple[int, int], words: list[str]) -> None:
    layout = lay_out(Sheet(["x"], [Line([Panel("t", plain(*shape), ("note",))])]))
    assert [text.words for text in layout.texts][3:] == words


def test_the_last_sentence_of_a_heading_is_always_there() -> None:
    """It names the source and the seed, however many options come before it."""
    heading = ["option=value " * 300, "for targets of class cat: " * 90, "photos: seed 5"]
    words = [t.words for t in lay_out(Sheet(heading, [Line([Panel("t", plain(9, 9))])])).texts]
    assert words[11] == "photos: seed 5"
    assert words[10].endswith("…")


def test_long_names_take_more_lines() -> None:
    """A title stands next to its picture, also where others in the row have more lines."""
    panels = [Panel(f"target: {LONG}", plain(300, 400)), Panel("result", plain(300, 400))]
    layout = lay_out(Sheet(["x"], [Line(panels, [(f"{LONG}s", 0.25), ("cat", 0.75)])]))
    by_words = {text.words: text for text in layout.texts}
    title = [text.words for text in layout.texts[1:4]]
    assert title[0] == "target:" and "…" in "".join(title)
    name = [text.words for text in layout.texts[5:7]]
    assert name[0].startswith("a_class_") and name[1].endswith("mores") and "…" in "".join(name)
    picture = layout.placed[0].cell
    assert by_words["result"].top == picture.top - 20
    assert by_words["target:"].top == picture.top - 60
    assert by_words["25.0 %"].top + 40 == layout.bars[1].box.top
