"""Outputs are made again by workers: a source that harms its decoder is one fault."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augcli.engine import images as images_module
from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from augcli.manifest.row import to_line
from augcli.tasks.replay import replay
from tests.helpers.runs import generate, run_over, runtime_of


@pytest.fixture
def out(photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    source_fields = {"source": str(photos)}
    generate(run_over(photos, folder, copies=3), source=source_fields, workers=1)
    return folder


def manifest(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").open()]


def hang() -> None:
    time.sleep(60)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def bloat() -> None:
    bytearray(1 << 45)


def refuse() -> None:
    raise UnreadableImage("it is refused")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (hang, "decoding took longer than 1 s"),
        (crash, "decoding it ended its worker (SIGKILL, as where memory runs out)"),
        (bloat, "decoding it takes more memory than a worker may use"),
        (refuse, "it is refused"),
    ],
)
def test_a_source_that_harms_its_decoder_is_one_fault(
    out: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[], None],
    reason: str,
    workers: int,
) -> None:
    data = (photos / "bee/bee 2.jpg").read_bytes()

    def harmful(given: bytes, **options: Any) -> Any:
        if given == data:
            harm()
        return decode(given, **options)

    monkeypatch.setattr(images_module, "decode", harmful)
    rows = manifest(out)
    times = sum("bee/bee 2.jpg" in row["source_paths"] for row in rows)
    broken = next(row for row in rows if "bee/bee 2.jpg" not in row["source_paths"])
    broken["lam"] /= 2
    (out / "train/metadata.jsonl").write_text("".join(map(to_line, rows)))
    first, second = replay(runtime_of(out, workers=workers, seconds_an_image=1.0))
    what = "made again from its row it has another lam or other boxes"
    assert first == (broken["file_name"], what)
    assert second.where == "bee/bee 2.jpg"
    assert second.what == (
        f"the source cannot be used any more ({reason}), and {times} outputs cannot be made again"
    )


def test_faults_stand_in_the_order_of_the_rows(out: Path) -> None:
    rows = [row | {"lam": row["lam"] / 2} for row in manifest(out)]
    (out / "train/metadata.jsonl").write_text("".join(map(to_line, rows)))
    for workers in (1, 3):
        actual = [fault.where for fault in replay(runtime_of(out, workers=workers))]
        assert actual == [row["file_name"] for row in rows]
    assert [f.where for f in replay(runtime_of(out), 3)] == [
        rows[n]["file_name"] for n in (0, 15, 30)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        "[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, '{"box":[0,0,1e999,2]}', "NaN",
        '{"box":[0,0,null,2]}', f'{{"box":[0,0,{"9" * 5000},2]}}', '{"box":{}}', "", "\0",
        '{"box":[0,0,1000000000,1000000000]}', '{"box":[-5,-5,2,2]}', "true", '"box"',
    ],
)  # fmt: skip
def test_params_that_are_none_are_a_fault(out: Path, params: str) -> None:
    rows = manifest(out)
    row = next(row for row in rows if json.loads(row["params"]).get("box"))
    row["params"] = params
    (out / "train/metadata.jsonl").write_text("".join(map(to_line, rows)))
    actual = list(replay(runtime_of(out, seconds_an_image=20.0)))
    assert {fault.where for fault in actual} == {row["file_name"]}
    assert all("\n" not in fault.what and len(fault.what) < 500 for fault in actual)
