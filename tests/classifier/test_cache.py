"""The cache on disk: whole entries, bounded, with many writers and after crashes."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from augcli.classifier import cache as cache_module
from augcli.classifier.cache import (
    Cache,
    Levels,
    content_key,
    default_folder,
    open_cache,
    require_writable,
)
from augcli.classifier.cache_files import (
    MAGIC,
    Entry,
    entries_of,
    remove_empty_folders,
    remove_entries,
)
from augcli.errors import UserError


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def key(number: int, last: str = "ff") -> str:
    """A key whose entry has a folder of its own."""
    return f"{number:02x}{last:0>38}"


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in files(folder))


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


OLD = b"content" * 10
FORMAT_1 = OLD + hashlib.blake2b(OLD, digest_size=16).digest()
FORMAT_2 = OLD + zlib.crc32(OLD, 1).to_bytes(4, "little")


@pytest.mark.parametrize(("ending", "entry"), [("", FORMAT_1), ("-2", FORMAT_2)])
def test_an_entry_of_an_older_format_is_none_and_is_removed(
    tmp_path: Path, ending: str, entry: bytes
) -> None:
    cache = Cache(tmp_path)
    (tmp_path / "ab").mkdir()
    old = tmp_path / "ab" / (key(0xAB)[2:] + ending)
    old.write_bytes(entry)
    assert cache.get(key(0xAB)) is None
    cache.put(key(0xAB), b"new")
    assert cache.get(key(0xAB)) == b"new"
    (new,) = (path for path in files(tmp_path) if path != old)
    whole = new.read_bytes()
    new.write_bytes(entry)
    assert cache.get(key(0xAB)) is None
    new.write_bytes(whole)
    old.write_bytes(entry[:-1] + b"?")  # which proves nothing
    assert remove_entries(tmp_path, to_size=0) == (1, len(whole), 1, len(entry))
    old.write_bytes(entry)
    assert remove_entries(tmp_path, to_size=0) == (1, len(entry), 0, 0)


def test_only_what_is_proven_to_be_its_own_is_removed(tmp_path: Path) -> None:
    """A user may name any folder as the cache, and put anything into one."""
    cache = Cache(tmp_path / "cache", bound=1000)
    cache.put(key(1), bytes(100))
    entry = files(tmp_path)[0]
    strangers = {
        "cache/photo.jpg": b"x" * 5000,
        "cache/lock": b"mine",
        "cache/ab/photo.jpg": b"x" * 5000,
        f"cache/ab/{key(1)[2:]}-3": b"x" * 5000,  # a name of ours, and something else in it
        f"cache/ab/{key(2)[2:]}-4": entry.read_bytes(),  # of a format to come
        f"cache/abc/{entry.name}": entry.read_bytes(),
        f"cache/01/deeper/{entry.name}": entry.read_bytes(),
        f"elsewhere/{entry.name}": entry.read_bytes(),
        "target": entry.read_bytes(),
    }
    for name, data in strangers.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "cache/cd").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "cache/ef").mkdir()
    link = tmp_path / "cache/ef" / entry.name
    link.symlink_to(tmp_path / "target")
    cache.shrink()
    remove_entries(tmp_path / "cache", to_size=0)
    remove_empty_folders(tmp_path / "cache")
    assert not entry.exists()
    assert {name: (tmp_path / name).read_bytes() for name in strangers} == strangers
    assert link.is_symlink() and (tmp_path / "cache/cd").is_symlink()


def test_nothing_is_read_or_written_through_a_link(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.put(key(1), b"content")
    (entry,) = files(tmp_path)
    moved = tmp_path / "moved"
    entry.rename(moved)
    entry.symlink_to(moved)
    assert cache.get(key(1)) is None
    cache.put(key(1), b"other")
    assert cache.get(key(1)) == b"other" and not entry.is_symlink()
    assert moved.read_bytes().startswith(MAGIC + b"content")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache/02").symlink_to(tmp_path / "elsewhere")
    cache.put(key(2), b"content")
    assert not any((tmp_path / "elsewhere").iterdir())
    # The folder itself may be one.
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    assert Cache(tmp_path / "link").get(key(1)) == b"other"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
@pytest.mark.timeout(60)
def test_a_pipe_in_the_place_of_an_entry_is_not_waited_for(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(key(1), b"content")
    (entry,) = files(tmp_path)
    entry.unlink()
    os.mkfifo(entry)
    assert cache.get(key(1)) is None
    assert remove_entries(tmp_path, to_size=0) == (0, 0, 0, 0)


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path, bound=100_000)
    now = time.time()
    for number in range(9):
        cache.put(key(number), bytes(10_000))
        os.utime(files(tmp_path / f"{number:02x}")[0], (now - 100 + number,) * 2)
    assert cache.get(key(0)) is not None  # and with it, it was used just now
    for number in range(9, 12):
        cache.put(key(number), bytes(10_000))
    kept = {number for number in range(12) if cache.get(key(number)) is not None}
    assert 0 in kept and 11 in kept
    assert 1 not in kept and 2 not in kept
    assert size_of(tmp_path) <= 100_000


def test_the_bound_holds_over_processes_that_come_and_go(tmp_path: Path) -> None:
    for number in range(40):
        Cache(tmp_path, bound=50_000).put(key(number), bytes(10_000))
        assert size_of(tmp_path) <= 50_000


def test_a_smaller_bound_holds_from_the_start_of_a_run(tmp_path: Path) -> None:
    for number in range(20):
        Cache(tmp_path).put(key(number), bytes(10_000))
    Cache(tmp_path, bound=50_000).shrink()
    assert 30_000 <= size_of(tmp_path) <= 45_000


def test_an_entry_larger_than_the_bound_is_not_written(tmp_path: Path) -> None:
    cache = Cache(tmp_path, bound=5_000)
    cache.put(key(1), bytes(1_000))
    cache.put(key(2), bytes(5_000))
    assert cache.get(key(1)) is not None and cache.get(key(2)) is None


def test_the_folder_is_not_walked_for_each_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once at the start, and again only when much was written."""
    walks = []
    usual = entries_of

    def counted(folder: Path) -> Iterator[Entry]:
        walks.append(folder)
        return usual(folder)

    monkeypatch.setattr(cache_module, "entries_of", counted)
    open_cache.cache_clear()
    for number in range(200):
        cache = open_cache(str(tmp_path), 1 << 30)
        assert cache is not None
        if number == 0:
            cache.shrink()
        cache.put(key(number), bytes(10_000))
    assert len(walks) == 1
    monkeypatch.setattr(cache_module, "_STEP", 500_000)
    cache = Cache(tmp_path, bound=8_000_000)  # of which 6 are free, and a sixteenth of these 0.37
    cache.shrink()
    walks.clear()
    for number in range(200, 256):
        cache.put(key(number), bytes(10_000))
    assert len(walks) == 1


def test_no_bytes_are_no_cache(tmp_path: Path) -> None:
    assert open_cache(str(tmp_path), 0) is None
    assert open_cache(None, 1000) is None
    assert isinstance(open_cache(str(tmp_path), 1), Cache)


def test_what_a_dead_writer_left_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(key(0xAB), b"content")
    old, cut, new, other = (
        tmp_path / "ab" / f"{key(1, last)[2:]}-3.1-2.tmp" for last in ("1", "2", "3", "4")
    )
    for path in (old, new):
        path.write_bytes(MAGIC + b"half")
    cut.write_bytes(MAGIC[:3])
    other.write_bytes(b"not of the cache")
    for path in (old, cut, other):
        os.utime(path, (time.time() - 7200,) * 2)
    Cache(tmp_path).shrink()
    assert not old.exists() and not cut.exists()
    assert new.exists() and other.exists()
    assert cache.get(key(0xAB)) == b"content"


def test_a_full_disk_costs_the_entry_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    class Short(io.BytesIO):
        def write(self, data: object) -> int:
            return 3

    for full in (Full, Short):

        def opened(path: Path, *_: object, full: type = full, **__: object) -> object:
            path.touch()
            return full()

        cache = Cache(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", opened)
            cache.put(key(0xAB), b"content")
        assert cache.get(key(0xAB)) is None
        assert files(tmp_path) == []


def _write_and_read(folder: Path, writer: int) -> None:
    cache = Cache(folder, bound=300_000)
    for turn in range(60):
        shared = key(turn % 7)
        cache.put(shared, bytes([turn % 7]) * 20_000)
        actual = cache.get(shared)
        if actual is not None and actual != bytes([turn % 7]) * 20_000:
            sys.exit(1)
        cache.put(key(0xF0 + writer, f"{turn:02x}"), bytes(10_000))


@pytest.mark.slow
def test_many_processes_write_and_read(tmp_path: Path) -> None:
    """And one more that cleans, again and again: who misses an entry makes it again."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_and_read, args=(tmp_path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    end = time.monotonic() + 120
    while any(writer.is_alive() for writer in writers) and time.monotonic() < end:
        remove_entries(tmp_path, to_size=0)
        remove_empty_folders(tmp_path)
    for writer in writers:
        writer.join(timeout=60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert not list(tmp_path.rglob("*.tmp"))
    # Each of the three may be over the bound by what it has written since it last looked.
    assert size_of(tmp_path) <= 300_000 + 3 * (300_000 // 8)


def test_three_writers_keep_to_the_bound(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_and_read, args=(tmp_path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert 100_000 < size_of(tmp_path) <= 300_000 + 3 * (300_000 // 8)


def test_levels_are_within_half_a_step() -> None:
    actual = np.random.default_rng(0).random((9, 11), np.float32) * np.float32(3e-4)
    levels = Levels.of(actual)
    assert levels.levels.max() == 65535
    back = levels.values()
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, actual, rtol=0, atol=0.51 * actual.max() / 65535)
    assert back.max() == actual.max()
    assert back.argmax() == actual.argmax()
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
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_folder() == Path(expected)
