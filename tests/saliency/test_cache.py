"""The cache on disk: whole entries, bounded, with many writers and after crashes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from augcli.errors import UserError
from augcli.saliency import cache as cache_module
from augcli.saliency.cache import (
    Cache,
    Levels,
    content_key,
    default_folder,
    require_writable,
)


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "lock")


def test_an_entry_comes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get("ab12") is None
    cache.put("ab12", b"content")
    cache.put("ab13", b"")
    assert Cache(tmp_path).get("ab12") == b"content"
    assert cache.get("ab13") == b""
    cache.put("ab12", b"other")
    assert cache.get("ab12") == b"other"


@pytest.mark.parametrize("damage", [b"", b"short", None, b"x" * 200, bytes(4), bytes(200)])
def test_a_damaged_entry_is_none(tmp_path: Path, damage: bytes | None) -> None:
    cache = Cache(tmp_path)
    cache.put("ab12", b"content" * 10)
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] if damage is None else damage)
    assert cache.get("ab12") is None
    file.write_bytes(whole)
    assert cache.get("ab12") == b"content" * 10


def test_an_entry_of_an_older_format_is_none(tmp_path: Path) -> None:
    """Its name was the key alone, and a digest of 16 bytes at its end."""
    content = b"content" * 10
    (tmp_path / "ab").mkdir()
    entry = content + hashlib.blake2b(content, digest_size=16).digest()
    (tmp_path / "ab/12").write_bytes(entry)
    cache = Cache(tmp_path)
    assert cache.get("ab12") is None
    cache.put("ab12", b"new")
    assert cache.get("ab12") == b"new"
    (file,) = (path for path in files(tmp_path) if path.name != "12")
    file.write_bytes(entry)
    assert cache.get("ab12") is None


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path, bound=100_000)
    now = time.time()
    for number in range(9):
        cache.put(f"{number:02x}ff", bytes(10_000))
        os.utime(files(tmp_path / f"{number:02x}")[0], (now - 100 + number,) * 2)
    assert cache.get("00ff") is not None  # and with it, it was used just now
    for number in range(9, 12):
        cache.put(f"{number:02x}ff", bytes(10_000))
    kept = {number for number in range(12) if cache.get(f"{number:02x}ff") is not None}
    assert 0 in kept and 11 in kept
    assert 1 not in kept and 2 not in kept
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 100_000


def test_the_bound_holds_over_processes_that_come_and_go(tmp_path: Path) -> None:
    for number in range(40):
        Cache(tmp_path, bound=50_000).put(f"{number:02x}ff", bytes(10_000))
        assert sum(file.stat().st_size for file in files(tmp_path)) <= 50_000


def test_what_a_dead_writer_left_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("ab12", b"content")
    old, new = tmp_path / "ab/34.1-2.tmp", tmp_path / "ab/56.1-2.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    Cache(tmp_path).put("cd12", b"x")
    assert not old.exists() and new.exists()
    assert cache.get("ab12") == b"content"


def test_a_full_disk_costs_the_entry_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device", str(path))

    cache = Cache(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    cache.put("ab12", b"content")
    monkeypatch.undo()
    assert cache.get("ab12") is None
    assert files(tmp_path) == []


def _write_and_read(folder: Path, writer: int) -> None:
    cache = Cache(folder, bound=300_000)
    for turn in range(60):
        key = f"{turn % 7:02x}00"
        cache.put(key, bytes([turn % 7]) * 20_000)
        found = cache.get(key)
        if found is not None and found != bytes([turn % 7]) * 20_000:
            sys.exit(1)
        cache.put(f"f{writer}{turn:02x}", bytes(10_000))


def test_many_processes_write_and_read(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_and_read, args=(tmp_path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert not list(tmp_path.rglob("*.tmp"))
    # Each of the three may be over the bound by what it has written since it last looked.
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 300_000 + 3 * (300_000 // 8)


def test_levels_are_within_half_a_step() -> None:
    found = np.random.default_rng(0).random((9, 11), np.float32) * np.float32(3e-4)
    levels = Levels.of(found)
    assert levels.levels.max() == 65535
    back = levels.values()
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, found, rtol=0, atol=0.51 * found.max() / 65535)
    assert back.max() == found.max()
    assert back.argmax() == found.argmax()
    again = Levels.from_bytes(levels.to_bytes())
    np.testing.assert_array_equal(again.values(), back)
    assert again.levels.shape == (9, 11)


def test_levels_of_nothing() -> None:
    levels = Levels.of(np.zeros((2, 3), np.float32))
    assert not levels.values().any()
    assert Levels.from_bytes(levels.to_bytes()).values().shape == (2, 3)


def test_keys_tell_parts_apart() -> None:
    keys = {
        content_key(b"ab", b"c"),
        content_key(b"a", b"bc"),
        content_key(b"abc"),
        content_key(b"abc", b""),
    }
    assert len(keys) == 4
    assert content_key(b"ab", b"c") == content_key(b"ab", b"c")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written .*--saliency-cache"):
        require_writable(tmp_path / "file/inner")
    require_writable(tmp_path / "new/inner")
    assert (tmp_path / "new/inner").is_dir()


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux", "/x/augcli"), ("darwin", "/home/me/Library/Caches/augcli")],
)
def test_default_folder(platform: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module.sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_folder() == Path(expected)
