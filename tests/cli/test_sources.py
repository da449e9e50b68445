"""Whatever a source is: same bytes in any process and locale, and an end when it has none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Augcli, tree, write_photo
from tests.helpers.archives import write_tar

Make = Callable[[Path], "tuple[Path | str, bytes | None]"]

NAMES = ["1/a.png", "01/b.png", "001/c.png", "A/d.png", "a/e.png", "ä/ü.png"]


def folder(root: Path) -> tuple[Path | str, bytes | None]:
    for number, name in enumerate(NAMES):
        write_photo(root / name, number, 20, 16)
    return root, None


def odd_folder(root: Path) -> tuple[Path | str, bytes | None]:
    """With names that are no UTF-8, and others that are."""
    folder(root)
    odd = Path(os.fsdecode(os.fsencode(root) + b"/k\xe4se"))
    write_photo(odd / os.fsdecode(b"\xff.png"), 9, 20, 16)
    return root, None


def piped(root: Path) -> tuple[Path | str, bytes | None]:
    folder(root)
    return "-", "".join(f"{root / name}\n" for name in NAMES).encode()


def table(root: Path) -> tuple[Path | str, bytes | None]:
    folder(root)
    lines = [f"{name},{name.split('/')[0]}\n" for name in NAMES if name[0] in "01"]
    (root / "t.csv").write_text("path,label\n" + "".join(lines))
    return root / "t.csv", None


def samples(root: Path) -> tuple[Path | str, bytes | None]:
    """A WebDataset archive."""
    members = {}
    for number, label in enumerate(("1", "01", "001", "7", "07")):
        write_photo(root / "x.png", number, 20, 16)
        members[f"{number}.png"] = (root / "x.png").read_bytes()
        members[f"{number}.cls"] = label.encode()
    return write_tar(root / "s.tar", members), None


def labelled(root: Path) -> tuple[Path | str, bytes | None]:
    folder(root)
    rows = [f'{{"file_name": "{name}", "class_name": "{name.split("/")[0]}"}}\n' for name in NAMES]
    (root / "metadata.jsonl").write_text("".join(rows))
    return root, None


@pytest.mark.parametrize("make", [folder, odd_folder, piped, table, samples, labelled])
def test_bytes_depend_on_no_hash_seed_and_no_locale(
    augcli: Augcli, tmp_path: Path, make: Make
) -> None:
    source, listed = make(tmp_path / "in")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    trees, warnings = [], []
    for number, env in enumerate(
        ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"}, {"PYTHONHASHSEED": "3", **ascii_only})
    ):
        out = tmp_path / f"ö{number}"
        result = augcli("generate", source, out, "-r", "cutmix", "-j", 1, env=env, stdin=listed)
        assert result.returncode == 0, result.stderr
        assert f"in {out}/train" in result.stdout
        trees.append({k: v for k, v in tree(out).items() if k.startswith(("train/", "classes"))})
        warnings.append(result.stderr.replace(str(out), "OUT"))
    assert trees[0] == trees[1] == trees[2]
    assert warnings[0] == warnings[1] == warnings[2]
    assert ("classes A and a differ only in case" in warnings[0]) == (make not in (table, samples))
    if make in (table, samples):
        names = (tmp_path / "ö0/classes.txt").read_text().split()
        assert names == sorted(names, key=lambda name: (int(name), name))
    assert augcli("verify", tmp_path / "ö2", "--replay", env=ascii_only).returncode == 0


def test_messages_of_a_locale_without_umlauts(augcli: Augcli, tmp_path: Path) -> None:
    env = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    result = augcli("generate", tmp_path / "nö", "o", "-r", "cutmix", env=env)
    assert result.returncode == 2
    assert "n\\xf6 does not exist; give a folder" in result.stderr  # what ascii holds of it


def started(tmp_path: Path, arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["sh", "-c", f'exec "{sys.executable}" -m augcli {arguments}'],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        **streams,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("generate - o -r cutmix <&-", "reads paths from standard input, which is closed; open it"),
        ("preview - -r cutmix --to p.png <&-", "from standard input, which is closed; open it"),
        ("generate - o -r cutmix < /dev/zero", "has 1 MiB without a path in a row"),
        ("generate - o -r cutmix < /dev/null", "is empty; pipe in image paths"),
        ("generate /dev/zero o -r cutmix", "/dev/zero is not a regular file"),
        ("generate pipe o -r cutmix", "pipe is not a regular file"),
        ("generate pipe.tar o -r cutmix", "pipe.tar is not a regular file"),
        ("generate in o --recipe-file pipe", "write what a pipe delivers to one first"),
    ],
)
def test_a_source_that_is_closed_or_has_no_end(
    tmp_path: Path, arguments: str, message: str
) -> None:
    folder(tmp_path / "in")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.tar")
    process = started(tmp_path, arguments)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert message in errors.decode()
    assert errors.count(b"\n") == 1


def test_a_signal_ends_the_wait_for_a_list(tmp_path: Path) -> None:
    process = started(tmp_path, "generate - o -r cutmix", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"a/1.jpg\n" * (1 << 17))  # of which the first MiB has to be read
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    assert process.stderr is not None
    assert b"stopped by SIGINT" in process.stderr.read()
    process.stdin.close()
    process.stderr.close()
