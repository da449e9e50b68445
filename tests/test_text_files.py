"""Text and TOML that people write: read in UTF-8, and refused in short sentences."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from augcli.errors import UserError
from augcli.text import shorten
from augcli.text_files import LARGEST_TOML, parse_toml, read_text


@pytest.mark.parametrize("data", [b"a\nb\n", b"\xef\xbb\xbfa\r\nb\r\n", b"a\rb\r"])
def test_a_text_may_begin_with_a_mark_and_end_its_lines_in_any_way(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "file").write_bytes(data)
    assert read_text(tmp_path / "file", 100) == "a\nb\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a".encode("utf-16"), "it is in UTF-16 or UTF-32; save it in UTF-8"),
        ("a".encode("utf-32"), "it is in UTF-16 or UTF-32; save it in UTF-8"),
        (b"\x00\x00\xfe\xff\x00\x00\x00a", "it is in UTF-16 or UTF-32; save it in UTF-8"),
        (b"ab\xe4", "byte 2 is not UTF-8; save it in UTF-8"),
    ],
)
def test_other_encodings_are_refused_in_words(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_text(tmp_path / "file", 100)


def test_a_text_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 101)
    with pytest.raises(UserError, match="file is larger than 100 bytes"):
        read_text(tmp_path / "file", 100)


DEEP = ".".join("a" * 200)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000, "nested too deeply"),
        ("a = " + "{b = " * 5000, "nested too deeply"),
        ("a = " + "9" * 5000, "an integer does not fit into 64 bits"),
        ("a = 0x" + "f" * 5000, "an integer does not fit into 64 bits"),
        ("a = [{b = 9223372036854775808}]", "an integer does not fit into 64 bits"),
        ("a = -9223372036854775809", "an integer does not fit into 64 bits"),
        (f"{DEEP} = 1", "a key has more than 64 parts"),
        (f"[{DEEP}]", "a key has more than 64 parts"),
        (f"b = {{ {DEEP} = 1 }}", "a key has more than 64 parts"),
        (" . ".join(["'a b'"] * 200) + " = 1", "a key has more than 64 parts"),
        ("a = ?", "^line 1, column 5: invalid value$"),
        ("a = 1979-13-45", "."),
        ("a = {" + "x" * 5000 + " = 1, " + "x" * 5000 + " = 2}", "duplicate|overwrite"),
        ("a = 1\na = 2", "cannot overwrite a value"),
        ("a = '\0'", "found invalid character"),
        ("\ud800 = 1", "."),
    ],
)
def test_what_is_not_toml_is_a_short_value_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        parse_toml(text)
    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()


def test_dots_in_values_and_comments_are_no_parts_of_keys() -> None:
    text = f'# {DEEP}\na = \'{DEEP}\' # {DEEP}\nb = """\n{DEEP}"""\nc.d.e = [0.5, 1.5]\n'
    assert parse_toml(text) == {"a": DEEP, "b": DEEP, "c": {"d": {"e": [0.5, 1.5]}}}
    assert parse_toml("a = 9223372036854775807\nb = nan")["a"] == 2**63 - 1


@pytest.mark.parametrize("piece", ["a.", "'+'.", "'", '"', '"\\', "[", "a ", "'''", '"""'])
def test_refusal_takes_no_longer_than_in_proportion_to_size(piece: str) -> None:
    """Keys of many parts take a time that grows with the square: 100 KB of them half a minute."""
    started = time.monotonic()
    with pytest.raises(ValueError):
        parse_toml(piece * (LARGEST_TOML // 8 // len(piece)) + "=1")
    assert time.monotonic() - started < 20


def test_text_in_a_sentence_is_cut_and_printable() -> None:
    assert shorten("a b") == "a b"
    assert shorten("a\n\x1b\udcff\u2028") == "a\\n\\x1b\\udcff\\u2028"
    assert shorten("x" * 300) == "x" * 200 + "..."
