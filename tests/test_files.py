"""Bounded reads and whole writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from augcli.errors import UserError
from augcli.files import (
    parse_json,
    read_bytes,
    read_lines,
    replace_file,
    replace_only,
    size_text,
    standing,
)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1024)
    assert read_bytes(file, 1024) == b"x" * 1024
    with pytest.raises(UserError, match="larger than 1023 bytes"):
        read_bytes(file, 1023)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(UserError, match="is not a regular file"):
            read_bytes(path, 10)
    with pytest.raises(UserError, match="is a folder"):
        read_bytes(tmp_path, 10)


def test_lines_have_a_limit_each(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one\ntwo\nthree")
    assert list(read_lines(file, 5)) == [b"one\n", b"two\n", b"three"]
    with pytest.raises(UserError, match="line 3 is longer than 4 bytes"):
        list(read_lines(file, 4))


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "NaN", '{"a": Infinity}', "", "{", "9" * 5000, '[{"a": 1, "b": 2, "a": 1}]'],
)
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


def test_a_number_of_any_length_is_refused_in_plain_words() -> None:
    with pytest.raises(ValueError, match=r"^a number in it has too many digits$"):
        parse_json("1" * 10_000)


def test_json_values() -> None:
    assert parse_json(b'{"a": [1, 2.5, null, "\\udc80"]}') == {"a": [1, 2.5, None, "\udc80"]}


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    replace_file(file, b"first")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(OSError, match="No space"):
            replace_file(file, b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_bytes() == b"first"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"target")
    link.symlink_to(target)
    replace_file(link, b"new")
    assert target.read_bytes() == b"target"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


def test_sizes_as_text() -> None:
    assert [size_text(n) for n in (1 << 30, 3 << 20, 1 << 10, 1000)] == [
        "1 GiB", "3 MiB", "1 KiB", "1000 bytes"
    ]  # fmt: skip


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("has_links", [False, True])
def test_what_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool, has_links: bool
) -> None:
    file = tmp_path / "file"
    if existed:
        file.write_bytes(b"earlier")
    before = standing(file)
    file.unlink(missing_ok=True)
    file.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        replace_only(file, b"ours", before)
    assert file.read_bytes() == b"somebody's"
    if not has_links:
        monkeypatch.setattr(os, "link", refuse_links)
    replace_only(file, b"ours", standing(file))
    assert file.read_bytes() == b"ours"
    file.unlink()
    replace_only(file, b"anew", None)
    assert file.read_bytes() == b"anew"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def refuse_links(*_: object) -> None:
    raise OSError(1, "no hard links here")
