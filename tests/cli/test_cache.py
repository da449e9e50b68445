"""`augcli cache`: shows and cleans, and removes nothing that the cache did not write."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from augcli.classifier.cache import BOUND, Cache
from augcli.errors import UserError
from augcli.tasks.amounts import bytes_text, parse_age, parse_bytes
from augcli.tasks.classifier_choice import DEFAULT_CACHE_SIZE
from tests.classifier.test_cache import files, key
from tests.conftest import SAMPLE_DATA, Augcli, tree

NOW = time.time()


def filled(folder: Path) -> Path:
    """Ten entries of 10,012 bytes, of which the first was used ten days ago, the next nine, ..."""
    cache = Cache(folder)
    for number in range(10):
        cache.put(key(number), bytes(10_000))
        (entry,) = files(folder / f"{number:02x}")
        os.utime(entry, (NOW - (10 - number) * 86_400 - 60,) * 2)
    return folder


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1000", 1000), ("500M", 500 << 20), ("10G", 10 << 30), ("1.5 GiB", 3 << 29),
     ("2kb", 2048), ("7B", 7), ("1T", 1 << 40)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text, "to-size") == size


@pytest.mark.parametrize("text", ["", "-1", "1X", "G", "1,5G", "1e9", "١G", "nan", "1GG", "9" * 99])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UserError, match=r"^--to-size .* is not a size; write it like 500M or 10G"):
        parse_bytes(text, "to-size")
    with pytest.raises(UserError, match="is more than"):
        parse_bytes("9999999999T", "to-size")


def test_ages() -> None:
    assert [parse_age(text, "x") for text in ("90s", "5m", "12h", "30d", "2w", "0d")] == [
        90, 300, 43_200, 2_592_000, 1_209_600, 0,
    ]  # fmt: skip
    for text in ("", "30", "d", "-1d", "1.5d", "1y", "1 month"):
        with pytest.raises(UserError, match=r"^--older-than .* is not an age; write it like 30d"):
            parse_age(text, "older-than")
    with pytest.raises(UserError, match="more than 100 years"):
        parse_age("999999d", "older-than")


def test_amounts_in_sentences() -> None:
    sizes = (0, 1, 1023, 1536, 10 << 30)
    assert [bytes_text(size) for size in sizes] == [
        "0 bytes", "1 byte", "1023 bytes", "1.5 KiB", "10.0 GiB"
    ]  # fmt: skip
    assert parse_bytes(DEFAULT_CACHE_SIZE, "x") == BOUND


def test_it_shows_place_number_size_and_the_oldest(augcli: Augcli, tmp_path: Path) -> None:
    folder = filled(tmp_path / "kept")
    (folder / "ab").mkdir()
    (folder / "ab/photo.jpg").write_bytes(b"x" * 100)
    result = augcli("cache", "--saliency-cache", folder)
    day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(NOW - 10 * 86_400 - 60))
    assert (result.returncode, result.stdout) == (
        0,
        f"{folder} holds 10 maps and models, 97.8 KiB (at most 10.0 GiB); the one not used for"
        f" longest was used {day} UTC.\n",
    )
    result = augcli("cache", "--json", env={"AUGCLI_SALIENCY_CACHE": str(folder)})
    values = json.loads(result.stdout)
    assert values.pop("oldest").startswith(day.split()[0])
    assert values == {
        "folder": str(folder), "entries": 10, "bytes": 100_120, "limit": 10 << 30
    }  # fmt: skip


def test_the_place_is_that_of_the_configuration_or_the_users(
    augcli: Augcli, tmp_path: Path
) -> None:
    folder = filled(tmp_path / "kept")
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/augcli.toml").write_text(f"saliency-cache = '{folder}'\n")
    assert json.loads(augcli("cache", "--json").stdout)["entries"] == 10
    (tmp_path / "cwd/augcli.toml").unlink()
    result = augcli("cache", env={"XDG_CACHE_HOME": str(tmp_path / "none")})
    assert result.stdout == f"{tmp_path}/none/augcli holds no maps (at most 10.0 GiB).\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ((), []),
        (("--older-than", "5d"), [6, 7, 8, 9]),
        (("--to-size", "25K"), [8, 9]),
        (("--older-than", "9d", "--to-size", "90K"), [2, 3, 4, 5, 6, 7, 8, 9]),
        (("--older-than", "30d"), list(range(10))),
        (("--to-size", "1G"), list(range(10))),
    ],
)
def test_it_removes_what_is_old(
    augcli: Augcli, tmp_path: Path, options: tuple[str, ...], left: list[int]
) -> None:
    folder = filled(tmp_path / "kept")
    others = {"photo.jpg": b"x", "ab/photo.jpg": b"y", f"ab/{key(1)[2:]}-3": b"z" * 99}
    for name, data in others.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    # The last is an entry by its name, so it is counted, but not by what is in it.
    old = NOW - 99 * 86_400
    os.utime(folder / f"ab/{key(1)[2:]}-3", (old, old))
    result = augcli("cache", "clean", "--saliency-cache", folder, *options, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "folder": str(folder),
        "removed": 10 - len(left),
        "removed_bytes": (10 - len(left)) * 10_012,
        "entries": len(left) + 1,
        "bytes": len(left) * 10_012 + 99,
    }
    cache = Cache(folder)
    assert [number for number in range(10) if cache.get(key(number)) is not None] == left
    assert {name: (folder / name).read_bytes() for name in others} == others


def test_it_says_what_was_removed(augcli: Augcli, tmp_path: Path) -> None:
    folder = filled(tmp_path / "kept")
    result = augcli("cache", "clean", "--saliency-cache", folder, "--older-than", "10d")
    assert result.stdout == (
        f"1 map or model removed from {folder}, 9.8 KiB; 9 maps and models left, 88.0 KiB.\n"
    )
    result = augcli("cache", "clean", "--saliency-cache", folder)
    assert "9 maps and models removed" in result.stdout
    assert list(folder.iterdir()) == []
    result = augcli("cache", "clean", "--saliency-cache", tmp_path / "nowhere")
    assert result.returncode == 0 and result.stdout.startswith("0 maps and models removed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--older-than", "3d"), "--older-than has no effect unless maps are removed; write"),
        (("--to-size", "1G"), "--to-size has no effect unless maps are removed; write"),
        (("clean", "--to-size", "much"), "--to-size much is not a size"),
        (("clean", "--older-than", "long"), "--older-than long is not an age"),
        (("--saliency-cache", "none"), "--saliency-cache none keeps nothing; give the folder"),
        (("clean", "--saliency-cache", "file"), "is a file; give the folder of a cache"),
        (("--saliency-cache-size", "x"), "--saliency-cache-size x is not a size"),
    ],
)
def test_refusals(augcli: Augcli, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/file").touch()
    result = augcli("cache", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_limit_of_a_run(augcli: Augcli, tmp_path: Path) -> None:
    """Outputs are the same for any limit; one that is wrong is refused also where no map is asked
    for."""
    model = SAMPLE_DATA / "classifier.onnx"
    trees, sizes = [], []
    for number, limit in enumerate(("10G", "20K", "0")):
        cache = tmp_path / f"cache{number}"
        result = augcli(
            *("generate", SAMPLE_DATA, tmp_path / f"out{number}", "-r", "saliencymix", "-j", 1),
            *("--size", "64", "--saliency", "gradient", "--model", model, "--device", "cpu"),
            *("--saliency-cache", cache, "--saliency-cache-size", limit),
        )
        assert result.returncode == 0, result.stderr
        trees.append(tree(tmp_path / f"out{number}/train"))
        sizes.append(sum(file.stat().st_size for file in files(cache)))
    assert trees[0] == trees[1] == trees[2]
    assert sizes[0] > 40_000
    assert sizes[1] <= 20 * 1024
    assert sizes[2] == 0 and not (tmp_path / "cache2").exists()
    wrong = {"AUGCLI_SALIENCY_CACHE_SIZE": "big"}
    result = augcli("generate", SAMPLE_DATA, tmp_path / "x", "-r", "flip", env=wrong)
    assert result.returncode == 2
    assert "AUGCLI_SALIENCY_CACHE_SIZE=big is not a size" in result.stderr


def test_what_is_shared_with_runs_is_passed_over(augcli: Augcli, tmp_path: Path) -> None:
    folder = filled(tmp_path / "kept")
    shared = {"OLDER_THAN": "5d", "SALIENCY_CACHE_SIZE": "1G", "SALIENCY_CACHE": str(folder)}
    env = {f"AUGCLI_{name}": value for name, value in shared.items()}
    result = augcli("cache", "--json", env=env)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["entries"] == 10
    result = augcli("cache", "clean", "--json", env=env)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["entries"] == 4


def test_a_run_goes_on_while_its_cache_is_cleaned(augcli: Augcli, tmp_path: Path) -> None:
    import subprocess
    import sys

    from augcli.classifier.cache_files import remove_entries
    from tests.conftest import ROOT

    cache, out = tmp_path / "cache", tmp_path / "out"
    options = [
        "generate", SAMPLE_DATA, out, "-r", "saliencymix", "-j", "2", "--size", "64",
        "--saliency", "gradient", "--model", SAMPLE_DATA / "classifier.onnx", "--device", "cpu",
        "--saliency-cache", cache, "-k", "4",
    ]  # fmt: skip
    run = subprocess.Popen(
        [sys.executable, "-m", "augcli", *map(str, options)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    removed, end = 0, time.monotonic() + 240
    while run.poll() is None and time.monotonic() < end:
        removed += remove_entries(cache, to_size=0).number
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert removed > 0
    options[2], options[-3] = tmp_path / "still", tmp_path / "other"
    assert augcli(*options).returncode == 0
    assert tree(out / "train") == tree(tmp_path / "still/train")


@pytest.mark.parametrize("word", ["clear", "Prune", "remove"])
def test_what_others_call_cleaning(augcli: Augcli, tmp_path: Path, word: str) -> None:
    folder = filled(tmp_path / "cache")
    result = augcli("cache", word, "--saliency-cache", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (
        f"10 maps and models removed from {folder}, 97.8 KiB; 0 maps and models left, 0 bytes.\n"
    )
    assert files(folder) == []


def test_where_nothing_is_removed_it_says_why(augcli: Augcli, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    clean = ("cache", "clean", "--saliency-cache", folder)
    assert augcli(*clean).stdout == (
        f"0 maps and models removed, 0 bytes: {folder} does not exist.\n"
    )
    folder.mkdir()
    assert augcli(*clean).stdout == (f"0 maps and models removed, 0 bytes: {folder} holds none.\n")
    filled(folder)
    assert augcli(*clean, "--older-than", "2w").stdout == (
        f"0 maps and models removed from {folder}, 0 bytes; 10 maps and models left, 97.8 KiB.\n"
    )
    result = augcli("cache", "cleen", "--saliency-cache", folder)
    assert (result.returncode, result.stderr) == (
        2, "augcli: augcli cache cleen is unknown (did you mean 'clean'?); give clean.\n",
    )  # fmt: skip
