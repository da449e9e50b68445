"""A run.json or a row that no run wrote so is refused in plain words, without Python's or a
library's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from augcli.cli.app import run
from augcli.declared import what_is_unlike
from augcli.errors import BadValue
from tests.conftest import write_photo

FOREIGN = re.compile(r"[A-Z][a-z]+(Error|Exception)\b|object|pydantic|Field required|Input should")
ANOTHER = "another value than a run writes"
KIND = "a value in it is of another kind than a run writes"
STEP = ("recipe", "steps", 0)
RECORDS: list[tuple[tuple[Any, ...], Any, str]] = [
    (("recipe",), None, "recipe is missing"),
    (("recipe",), {}, "name is missing"),
    (("recipe",), "x", KIND),
    (("recipe", "by_class"), 3, KIND),
    (("recipe", "steps"), 5, KIND),
    (STEP, {}, "one_of is missing"),
    ((*STEP, "one_of"), [], f"recipe has {ANOTHER}"),
    ((*STEP, "one_of", 0, "recipe"), "nope", "There is no recipe 'nope'"),
    (("fit",), "x", "fit is not cover, contain or stretch"),
    (("source",), 5, "its source is no text"),
    (("source_options",), {"split": 5}, f"split has {ANOTHER}"),
    (("source_options",), 7, "it is no table of values"),
]
BEGIN = "its params do not fit its recipe and sources: "
ROWS = [
    ("x", "what is at line 1, column 1 has no place there"),
    ("{", "it ends too early"),
    ("{}", "box is missing"),
    ("[5]", "it is no table of values"),
    ('{"box": 5}', f"box has {ANOTHER}"),
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("described")
    for number in range(4):
        write_photo(place / f"S/{'ab'[number % 2]}/{number}.png", number, 20, 20)
    assert run(["generate", str(place / "S"), str(place / "O"), "-r", "cutmix", "-q"]) == 0
    return place / "O"


@pytest.mark.parametrize(("path", "value", "said"), RECORDS)
def test_records(
    capfd: pytest.CaptureFixture[str], out: Path, path: tuple[Any, ...], value: Any, said: str
) -> None:
    file = out / "run.json"
    before = file.read_bytes()
    record: Any = json.loads(before)
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    file.write_text(json.dumps(record))
    try:
        assert run(["verify", str(out), "--replay", "1"]) == 2
    finally:
        file.write_bytes(before)
    message = capfd.readouterr().err.splitlines()[-1]
    assert message.startswith(f"augcli: {file} does not describe a run of augcli: {said}")
    assert not FOREIGN.search(message)


@pytest.mark.parametrize(("params", "said"), ROWS)
def test_params_of_rows(
    capfd: pytest.CaptureFixture[str], out: Path, params: str, said: str
) -> None:
    file = out / "train/metadata.jsonl"
    before = file.read_bytes()
    rows = [json.loads(line) for line in before.splitlines()]
    rows[0]["params"] = params
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        assert run(["verify", str(out), "--replay"]) == 1
    finally:
        file.write_bytes(before)
    shown = capfd.readouterr().out
    assert f"{rows[0]['file_name']}: {BEGIN}{said}\n" in shown
    assert not FOREIGN.search(shown)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "x is missing"),
        (KeyError(5), KIND),
        (TypeError("string indices must be integers"), KIND),
        (ValueError("invalid literal for int()"), KIND),
        (IndexError("list index out of range"), KIND),
        (RecursionError("maximum recursion depth"), "it is nested too deeply"),
        (BadValue("its source is no text"), "its source is no text"),
    ],
)
def test_words_for_errors(error: Exception, said: str) -> None:
    assert what_is_unlike(error) == said
