"""python -m tests.benchmarks.listings: what it costs to list a million rows of each kind of source.

Each source is made in a folder for that, listed once in a process of its own, and removed. Bounds
are 10 s and 300 MiB for a million rows.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_CLASSES = 1000
_ROWS_AT_ONCE = 100_000
# Lists a source as `generate` does, and prints seconds, those of CPU of the process,
# MiB at most, and images.
_LIST = """
import json, re, sys, time
from pathlib import Path
from augcli.data.source import list_paths, list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import LabelsFrom
source, options = sys.argv[1], SourceOptions.model_validate(json.loads(sys.argv[2]))
start = time.perf_counter()
if source == "-":
    listing = list_paths(sys.stdin.buffer, LabelsFrom.parent, None, options)
else:
    listing = list_source(Path(source), options)
seconds = time.perf_counter() - start
most = re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())
print(seconds, time.process_time(), int(most[1]) / 1024, len(listing))
"""


def _rows(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(1)
    for number in range(count):
        label = draw.randrange(_CLASSES)
        yield {"file_name": f"n{label:08d}/n{label:08d}_{number}.JPEG", "label": f"n{label:08d}",
               "patient": f"p{number // 10}"}  # fmt: skip


def _text(row: dict[str, Any]) -> str:
    return ",".join(map(str, row.values()))


def write_csv(folder: Path, count: int) -> Path:
    with (folder / "t.csv").open("w") as file:
        file.write("file_name,label,patient\n")
        file.writelines(_text(row) + "\n" for row in _rows(count))
    return folder / "t.csv"


def write_flags(folder: Path, count: int) -> Path:
    names = [f"c{number}" for number in range(20)]
    with (folder / "t.csv").open("w") as file:
        file.write(",".join(["file_name", *names]) + "\n")
        for number, row in enumerate(_rows(count)):
            flags = ("1" if (number >> bit) % 3 == 0 else "0" for bit in range(20))
            file.write(",".join([row["file_name"], *flags]) + "\n")
    return folder / "t.csv"


def write_jsonl(folder: Path, count: int) -> Path:
    with (folder / "t.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in _rows(count))
    return folder / "t.jsonl"


def write_lists(folder: Path, count: int) -> Path:
    with (folder / "t.jsonl").open("w") as file:
        for row in _rows(count):
            several = [row["label"], f"n{int(row['patient'][1:]) % _CLASSES:08d}"]
            file.write(json.dumps(row | {"label": list(dict.fromkeys(several))}) + "\n")
    return folder / "t.jsonl"


def write_metadata(folder: Path, count: int) -> Path:
    write_jsonl(folder, count).rename(folder / "metadata.jsonl")
    return folder


def _batches(count: int) -> Iterator[Any]:
    import pyarrow

    batch = []
    for row in _rows(count):
        batch.append(row)
        if len(batch) == _ROWS_AT_ONCE:
            yield pyarrow.Table.from_pylist(batch)
            batch = []
    if batch:
        yield pyarrow.Table.from_pylist(batch)


def write_parquet(folder: Path, count: int) -> Path:
    from pyarrow import parquet

    writer = None
    for table in _batches(count):
        writer = writer or parquet.ParquetWriter(folder / "t.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return folder / "t.parquet"


def write_parquet_images(folder: Path, count: int) -> Path:
    import pyarrow
    from pyarrow import parquet

    writer = None
    for table in _batches(count):
        images = [{"bytes": b"\x89PNG" + name.encode() * 8, "path": None} for name in
                  table["file_name"].to_pylist()]  # fmt: skip
        labels = [int(name[1:]) for name in table["label"].to_pylist()]
        several = [[label, (label + 1) % _CLASSES] for label in labels]
        batch = pyarrow.table({"image": images, "label": labels, "labels": several,
                               "patient": table["patient"]})  # fmt: skip
        writer = writer or parquet.ParquetWriter(folder / "t.parquet", batch.schema)
        writer.write_table(batch, row_group_size=1000)
    assert writer is not None
    writer.close()
    return folder / "t.parquet"


def write_tar(folder: Path, count: int, *, samples: bool = False) -> Path:
    import tarfile

    block = bytes(512)
    with (folder / "t.tar").open("wb") as file:

        def add(name: str, data: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + data + block[len(data) :])

        for number, row in enumerate(_rows(count)):
            if samples:
                add(f"{number:08d}.jpg", b"x")
                add(f"{number:08d}.cls", row["label"].encode())
            else:
                add(row["file_name"], b"x")
        file.write(block * 2)
    return folder / "t.tar"


def write_samples(folder: Path, count: int) -> Path:
    return write_tar(folder, count, samples=True)


def write_list(folder: Path, count: int) -> Path:
    with (folder / "list").open("w") as file:
        file.writelines(f"/photos/{row['file_name']}\n" for row in _rows(count))
    return folder / "list"


_MULTI = {"labels": "multi"}
_GROUPS = {"group_by": "patient"}
CASES: dict[str, tuple[Callable[[Path, int], Path], dict[str, Any]]] = {
    "CSV": (write_csv, {}),
    "CSV, groups": (write_csv, _GROUPS),
    "CSV, 20 columns of targets": (write_flags, _MULTI),
    "JSONL": (write_jsonl, {}),
    "JSONL, groups": (write_jsonl, _GROUPS),
    "JSONL, lists of labels": (write_lists, _MULTI),
    "metadata.jsonl": (write_metadata, {"classes": [f"n{i:08d}" for i in range(_CLASSES)]}),
    "metadata.jsonl, groups": (write_metadata, _GROUPS),
    "Parquet table": (write_parquet, {}),
    "Parquet table, groups": (write_parquet, _GROUPS),
    "Parquet with images": (write_parquet_images, {}),
    "Parquet with images, groups": (write_parquet_images, _GROUPS),
    "Parquet with images, lists of labels": (
        write_parquet_images, _MULTI | {"label_column": "labels"}
    ),
    "tar of class folders": (write_tar, {}),
    "tar of class folders, groups": (write_tar, {"group_by": r"_(\d{1,5})"}),
    "tar of samples": (write_samples, {}),
    "list on stdin": (write_list, {}),
    "list on stdin, groups": (write_list, {"group_by": r"_(\d{1,5})"}),
}  # fmt: skip


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.listings")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--folder", type=Path, help="where sources are made")
    given = parser.parse_args()
    for name, (write, options) in CASES.items():
        if not name.startswith(given.only):
            continue
        folder = Path(tempfile.mkdtemp(dir=given.folder))
        try:
            source = write(folder, given.count)
            is_list = write is write_list
            with source.open("rb") if is_list else Path("/dev/null").open("rb") as stdin:
                done = subprocess.run(
                    [sys.executable, "-c", _LIST, "-" if is_list else str(source),
                     json.dumps(options)],
                    stdin=stdin, capture_output=True, text=True,
                )  # fmt: skip
            if done.returncode:
                print(f"{name:40} {done.stderr.strip().splitlines()[-1][:200]}", flush=True)
                continue
            seconds, cpu, mib, images = done.stdout.split()
            print(
                f"{name:40} {float(seconds):6.1f} s {float(cpu):6.1f} s CPU {float(mib):6.0f} MiB"
                f"  {images} images",
                flush=True,
            )
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
