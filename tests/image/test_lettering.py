"""Text on pictures: letters that the font has, escapes for others, and what fits."""

from __future__ import annotations

import pytest

from augcli.image.lettering import escape_missing, font, width_of, wrap, wrap_whole

LATIN = "Äpfel Größe façade Łódź Škoda Ștefan İstanbul Việt ñandú œuvre"
GREEK = "Κουκουβάγια Ωμέγα"
CYRILLIC = "Сова щука ёж їжак љубав"


@pytest.mark.parametrize("text", [LATIN, GREEK, CYRILLIC, "60 % × ° – — … ← → “x” €"])
def test_letters_of_latin_greek_and_cyrillic_are_drawn(text: str) -> None:
    """Each as a shape of its own, none as the box for what is missing."""
    assert escape_missing(text) == text
    missing = bytes(font(14).getmask("\uffff"))
    for character in set(text) - {" "}:
        mask = font(14).getmask(character)
        assert bytes(mask) and bytes(mask) != missing, character


def test_every_letter_of_the_alphabets_is_there() -> None:
    ranges = ((0x20, 0x7E), (0xA1, 0xAC), (0xAE, 0x17F), (0x391, 0x3A1), (0x3A3, 0x3CE))
    letters = "".join(chr(c) for a, b in (*ranges, (0x400, 0x45F)) for c in range(a, b + 1))
    assert escape_missing(letters) == letters


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("猫", r"\u732b"),
        ("cat 😀", r"cat \U0001f600"),
        ("a\nb\tc\x1b[0m", r"a\nb\tc\x1b[0m"),
        ("\udcff", r"\udcff"),
        ("u\u0308", "ü"),  # as macOS writes file names
        ("\u202eabc", r"\u202eabc"),
        ("שלום", r"\u05e9\u05dc\u05d5\u05dd"),
        ("", ""),
    ],
)
def test_what_the_font_lacks_is_escaped(text: str, drawn: str) -> None:
    assert escape_missing(text) == drawn


@pytest.mark.parametrize("size", [12, 14, 16])
@pytest.mark.parametrize("width", [20, 120, 208])
@pytest.mark.parametrize("text", ["x" * 300, "猫" * 50, "Größe " * 40, "i" * 5000, "short", ""])
def test_long_text_is_cut_in_the_middle(text: str, width: int, size: int) -> None:
    (cut,) = wrap_whole(text, size, width, 1) or ("",)
    assert width_of(cut, size) <= width
    whole = escape_missing(text)
    if width_of(whole, size) <= width:
        assert cut == whole
        return
    start, ellipsis, end = cut.partition("…")
    assert ellipsis
    assert whole.startswith(start) and whole.rstrip().endswith(end)
    assert "猫" not in text or (len(start) % 6, len(end) % 6) == (0, 0), "no half of an escape"
    longer = f"{start}{'m' * 2}…{end}"
    assert width_of(longer, size) > width - 6 * size, "as much of it as fits"


def test_two_names_that_differ_at_the_end_stay_two() -> None:
    names = [f"a_name_of_a_class_that_is_much_too_long_for_its_place_{n}" for n in (1, 2)]
    assert len({wrap_whole(name, 14, 120, 2) for name in names}) == 2


def test_lines_end_at_spaces() -> None:
    sentence = "cut: the box holds 31 % of the saliency, limit 60 %"
    lines = wrap(sentence, 12, 208, 5)
    assert len(lines) > 1
    assert " ".join(lines) == sentence
    assert all(width_of(line, 12) <= 208 for line in lines)
    assert wrap("short", 12, 208, 5) == ("short",)
    assert wrap("", 12, 208, 5) == ()


@pytest.mark.parametrize("text", ["word " * 100, "x" * 500, "猫" * 100])
def test_lines_are_no_more_than_there_is_room_for(text: str) -> None:
    lines = wrap(text, 12, 120, 3)
    assert len(lines) == 3
    assert all(width_of(line, 12) <= 120 for line in lines)
    assert lines[-1].endswith("…") and "…" not in "".join(lines[:-1])
    long = wrap("x" * 100, 12, 120, 50)
    assert "".join(long) == "x" * 100


@pytest.mark.parametrize("text", ["target: " + "x" * 200, "target: " + "猫" * 40, "word " * 60])
def test_the_middle_is_left_out_only_where_the_lines_do_not_hold_it(text: str) -> None:
    whole = escape_missing(text)
    for most in (1, 2, 3):
        lines = wrap_whole(text, 14, 120, most)
        assert len(lines) == most
        assert all(width_of(line, 14) <= 120 for line in lines)
        start, ellipsis, end = "".join(lines).replace(" ", "").partition("…")
        assert ellipsis and whole.replace(" ", "").startswith(start)
        assert whole.replace(" ", "").endswith(end)
    assert wrap_whole("target: cat", 14, 120, 3) == ("target: cat",)
    assert wrap_whole("target: a_much_longer_name", 14, 120, 3) == (
        "target:", "a_much_longer_", "name",
    )  # fmt: skip


@pytest.mark.parametrize(
    "together",
    ["20 %", "<1 %", "-51 px", "to 4 bits", "Sharpness × 0.73", "163 x 202", "from 191",
     "ShearX -0.0321", "row 261", "limit 60 %"],
)  # fmt: skip
def test_numbers_stay_with_their_units(together: str) -> None:
    """Wherever the line would end."""
    for length in range(30):
        text = f"{'i' * length} {together}, and {together}: more"
        lines = wrap(text, 12, 120, 9)
        assert " ".join(lines) == text
        assert sum(line.count(together) for line in lines) == 2, lines


def test_numbers_in_a_row_are_divided_between_them() -> None:
    text = " ".join(["1000"] * 40)
    lines = wrap(text, 12, 120, 40)
    assert " ".join(lines) == text and len(lines) > 5


def test_lines_hang_behind_the_first() -> None:
    text = "word " * 30
    plain, hanging = wrap(text, 12, 120, 20), wrap(text, 12, 120, 20, 40)
    assert hanging[0] == plain[0]
    assert all(width_of(line, 12) <= 80 for line in hanging[1:])
    assert " ".join(hanging) == text.strip()
