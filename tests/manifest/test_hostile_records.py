"""What stands in the place of a record or an image and is none: it is never read whole."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from augcli.manifest.row import to_line
from augcli.manifest.verify import verify
from tests.conftest import ROOT, Augcli
from tests.manifest.test_records import DEEP, HUGE, LIMITED, RECORDS, faults, out
from tests.manifest.test_verify import row_of, write_records

__all__ = ["out"]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def endless(path: Path) -> None:
    """A file of one line, which takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(HUGE)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("put", [fifo, folder, endless, device])
def test_what_is_no_record_is_never_read_whole(
    out: Path, name: str, put: Callable[[Path], None]
) -> None:
    (out / name).unlink()
    put(out / name)
    tracemalloc.start()
    verified = verify(out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150 << 20
    (what,) = [
        f.what
        for f in verified.faults
        if f.where == Path(name).name and "counts" not in f.what and "planned" not in f.what
    ]
    words: dict[Callable[[Path], None], str] = {
        fifo: "is not a regular file",
        folder: "is a folder, not a file",
        endless: "longer|larger|too long",
        device: "it is a link, which is not followed|is a link, which is not followed",
    }
    assert any(part in what for part in words[put].split("|")), what


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("put", [fifo, folder, endless, device])
@pytest.mark.parametrize("option", ["--replay", "--repair"])
def test_neither_are_they_where_outputs_are_made_again(
    augcli: Augcli, out: Path, name: str, put: Callable[[Path], None], option: str
) -> None:
    (out / name).unlink()
    put(out / name)
    result = augcli("verify", out, option, "-j", 1)
    assert "Traceback" not in result.stderr
    # What is known otherwise is written again: rows, classes, and that nothing was skipped.
    is_known = name in RECORDS[1::2] or (name in RECORDS[0] and put is endless)
    again = option == "--repair" and is_known and put in (fifo, endless)
    assert result.returncode in ((0,) if again else (1, 2))
    assert result.stderr.count("\n") <= 1


def test_links_are_reported_and_not_followed(out: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    image = out / "train" / rows[0]["file_name"]
    image.rename(tmp_path / "image")
    image.symlink_to(tmp_path / "image")
    other = next(r["class_name"] for r in rows if r["class_name"] != rows[0]["class_name"])
    (out / "train" / other).rename(tmp_path / other)
    (out / "train" / other).symlink_to(tmp_path / other)
    within = [row["file_name"] for row in rows if row["class_name"] == other]
    expected = {(name, "its folder is a link, which is not followed") for name in within}
    expected |= {
        (rows[0]["file_name"], "it is a link, which is not followed"),
        (other, "it is a link, which is not followed"),
    }
    assert set(faults(out)) == expected


def test_a_linked_train_is_not_looked_into(out: Path, tmp_path: Path) -> None:
    (out / "train").rename(tmp_path / "elsewhere")
    (out / "train").symlink_to(tmp_path / "elsewhere")
    assert faults(out)[0] == ("train", "it is a link, which is not followed")
    assert verify(out).rows == 0


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_size_is_read_without_the_pixels(tmp_path: Path) -> None:
    """50,000 x 50,000 pixels of one bit: 2.5 GB once decoded."""
    row = row_of(tmp_path, "n1", "aug1")
    packed, line = zlib.compressobj(1), bytes(6251) * 1000
    data = b"".join(packed.compress(line) for _ in range(50)) + packed.flush()
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")
    path = tmp_path / "train/b/n1.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    row["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "train/metadata.jsonl").write_text(to_line(row))
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    write_records(tmp_path, outputs=1, classes=3)
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "the image has 50000 x 50000 pixels, the row says 8 x 6" in result.stdout


def test_no_guard_of_pillow_is_switched_off_by_an_import() -> None:
    code = (
        "from PIL import Image; before = Image.MAX_IMAGE_PIXELS\n"
        "import augcli.manifest.verify\n"
        "assert before == Image.MAX_IMAGE_PIXELS is not None"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True)


def test_any_number_of_faults_is_counted_in_little_memory(augcli: Augcli, tmp_path: Path) -> None:
    """Rows that break all rules, in groups that are broken, of a recipe and a view each."""
    count = 10_000
    row = row_of(tmp_path, "n1", "aug1") | {"class_name": "x" * 2000, "width": 9}
    with (tmp_path / "train/metadata.jsonl").open("w") as manifest:
        for number in range(count):
            own = {"file_name": f"b/{number}.png", "view": f"v{number}", "recipe": f"r{number}"}
            group = {"sample_id": f"{number // 2:016x}", "group_id": f"{number // 2}" * 9}
            manifest.write(to_line(row | own | group))
    (tmp_path / "train/b").mkdir(exist_ok=True)
    for number in range(1500):
        (tmp_path / "train/b" / f"stray {number}").touch()
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    write_records(tmp_path, outputs=count, classes=3)
    verify(tmp_path)
    tracemalloc.start()
    verified = verify(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A name that is not its label's, a file that is missing; ids that stand twice; strays.
    total = 2 * count + count // 2 + 1501
    assert (verified.rows, verified.total, len(verified.faults)) == (count, total, 1000)
    assert peak < 12 << 20  # all faults take 17 MB and more; other tests' caches some
    assert max(len(fault.what) for fault in verified.faults) < 700
    result = augcli("verify", tmp_path)
    assert result.returncode == 1
    first = ", ".join(f"b/{number}.png" for number in range(3))
    assert result.stdout.splitlines()[:-1] == [
        f"the class name is not that of the label ({count}): {first}, ...",
        f"the file is missing ({count}): {first}, ...",
        "two rows have the same sample_id (5000): b/1.png, b/3.png, b/5.png, ...",
        "no row names this file (1501): b/n1.png, b/stray 0, b/stray 1, ...",
        f"{total} faults in {count} rows; --json lists 1000 of them.",
    ]
    actual = json.loads(augcli("verify", tmp_path, "--json").stdout)
    assert (actual["fault_count"], len(actual["faults"])) == (total, 1000)


@pytest.mark.parametrize(
    "row",
    ['{"label_ids":[' + ",".join(['"a"'] * 500_000) + "]}",
     '{"boxes":[' + ",".join(['["a"]'] * 500_000) + "]}",
     "{" + ",".join(f'"{n}":0' for n in range(500_000)) + "}",
     DEEP, '{"boxes":' + DEEP, "[1]", "null", '{"label": NaN}', '{"label": 1e999}',
     '{"file_name": "\\ud800"}'],
    ids=["items", "boxes", "names", "deep", "deep-value", "list", "null", "nan", "inf", "half"],
)  # fmt: skip
def test_a_row_of_a_million_faults_is_one(out: Path, row: str) -> None:
    with (out / "train/metadata.jsonl").open("a") as manifest:
        manifest.write(row + "\n")
    verify(out)
    tracemalloc.start()
    actual = faults(out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    ((where, what),) = actual
    assert where == "metadata.jsonl"
    assert what.startswith("line 31")
    assert peak < 200 << 20
