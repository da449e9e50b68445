"""python -m tests.benchmarks: measures all rows of table.py; see README.md."""

from __future__ import annotations

import argparse
import compileall
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.plan import plan
from tests.benchmarks.report import (
    comparison,
    joined,
    machine,
    read_json,
    tables,
    write_json,
    write_section,
)
from tests.benchmarks.session import ROOT, Session

_RAM_DISK = Path("/dev/shm")
_README = Path(__file__).parent / "README.md"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="CPU and wall time of augcli over a floor that runs in the same rounds.",
    )
    add = parser.add_argument
    add(
        "--images",
        type=Path,
        default=ROOT / "sample_data",
        metavar="PATH",
        help="image folder that is repeated under new names (default: sample_data)",
    )
    add(
        "--small-images",
        type=Path,
        metavar="PATH",
        help="image folder of the 32 px rows (default: --images, shrunk)",
    )
    add("--count", type=int, default=1000, help="images of the native set (%(default)s)")
    add("--small-count", type=int, default=10_000, help="images of the 32 px set (%(default)s)")
    add("--models", type=Path, metavar="PATH",
        help="folder of ONNX classifiers whose gradient is measured (default: none)")  # fmt: skip
    add("--many", type=int, default=1_000_000, help="files of the row of many (%(default)s)")
    add("--rounds", type=int, default=5, help="how often each row is run (%(default)s)")
    add("--quick", action="store_true", help="a tenth of the images, two rounds")
    add(
        "--only", default="", metavar="PATTERN", help="rows whose name matches a regular expression"
    )
    add("--list", action="store_true", help="print the names of all rows and stop")
    add("--json", type=Path, metavar="FILE", help="write the results there")
    add("--keep-others", action="store_true", help="keep rows of --json that are not measured now")
    add("--compare", type=Path, metavar="FILE", help="compare with results written by --json")
    add("--readme", action="store_true", help="write the tables into the README here")
    add("--machine", default=machine(), help="what the README says about it (%(default)s)")
    add("--workdir", type=Path, default=_RAM_DISK if os.access(_RAM_DISK, os.W_OK) else None,
        metavar="DIR", help="where images are written; best a RAM disk (%(default)s)")  # fmt: skip
    return parser.parse_args()


def main() -> int:
    """Measure, print, and write what was asked for; 1 where a row could not be measured."""
    chosen = _arguments()
    if chosen.quick:
        chosen.count, chosen.small_count = chosen.count // 10, chosen.small_count // 10
        chosen.many //= 100
        chosen.rounds = min(chosen.rounds, 2)
    models = sorted(chosen.models.glob("*.onnx")) if chosen.models else []
    rows = plan(re.compile(chosen.only, re.IGNORECASE), models)
    if chosen.list:
        print("\n".join(rows.names))
        return 0
    for folder in ("augcli", "tests/benchmarks"):
        compileall.compile_dir(ROOT / folder, quiet=2)
    before = read_json(chosen.compare) if chosen.compare else None
    work = Path(tempfile.mkdtemp(prefix="benchmarks-", dir=chosen.workdir))
    try:
        session = Session(rows, work, chosen)
        measured = session.measure()
    finally:
        shutil.rmtree(work)
    options = {
        "count": chosen.count,
        "small_count": chosen.small_count,
        "rounds": chosen.rounds,
        "sample_data": chosen.images == ROOT / "sample_data",
    }
    records = measured
    if chosen.json and chosen.keep_others and chosen.json.is_file():
        names = plan(re.compile(""), models).names
        records = joined(read_json(chosen.json), measured, names)
    if chosen.json:
        write_json(chosen.json, records, options)
    print(tables(records))
    if chosen.readme:
        sentence = (
            f"{chosen.machine}; {chosen.count} images at native size and 224 px,"
            f" {chosen.small_count} at 32 px; {chosen.rounds} rounds or more."
        )
        write_section(_README, f"{sentence}\n\n{tables(records)}")
    if before is not None:
        print(f"\n{comparison(before, measured)}")
    for name, reason in session.left_out.items():
        print(f"not measured: {name}: {reason}", file=sys.stderr)
    return int(session.failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError) as error:
        sys.exit(f"benchmarks: {error}")
