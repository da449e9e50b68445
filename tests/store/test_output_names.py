"""Runs whose files have readable names, through all that goes by names of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from augcli.data.source import list_source
from augcli.engine.plan import Run
from augcli.enums import Existing, Originals, OtherSplits
from augcli.errors import UserError
from augcli.manifest.file_names import id_in
from augcli.manifest.verify import verify
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.store.layout import STATE
from augcli.store.removal import remove_run
from augcli.tasks.generate import check
from augcli.tasks.repair import repair
from augcli.tasks.replay import replay
from tests.conftest import tree, write_photo
from tests.helpers.runs import generate, make_run, runtime_of

NAME = "{source}_{recipe}_{copy}_{view}_{id}"


class Stopped(Exception):
    """Raised where a run is to end early."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Names that clash with one another, also where case does not count."""
    folder = tmp_path / "photos"
    for number in range(24):
        name = ("eye", "EYE", "e\u0301té", "con")[number % 4] + str(number // 8)
        write_photo(folder / "train" / "ab"[number % 2] / str(number) / f"{name}.png", number, 9, 8)
        write_photo(folder / "val" / "ab"[number % 2] / f"{number}.png", number, 9, 8)
    return folder


def run_of(source: Path, out: Path, name: str = NAME, recipe: str = "cutmix") -> Run:
    views = {"views": 2} if recipe == "augmix" else {}
    return make_run(
        list_source(source), Pipeline(recipe, (Step(build_recipe(recipe, views)),)), out / STATE,
        copies=2, name=name, include_originals=Originals.copy, other_splits=OtherSplits.copy,
    )  # fmt: skip


def make(source: Path, out: Path, run: Run | None = None, **options: Any) -> Path:
    generate(run or run_of(source, out), source={"source": str(source)}, **options)
    return out


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").open()]


def faults(out: Path) -> list[str]:
    return [fault.what for fault in verify(out).faults]


def test_names_say_what_an_output_is(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    rows = rows_of(out)
    assert len({row["file_name"].casefold() for row in rows}) == len(rows) == 72
    for row in rows:
        stem = Path(row["source_paths"][0]).stem.replace("e\u0301", "é")
        kind = "orig" if row["view"] == "orig" else "cutmix_"
        folder, _, name = row["file_name"].partition("/")
        assert folder == row["class_name"]
        assert name.startswith(f"{stem}_{kind}")
        assert name.endswith(f"_{row['sample_id']}.{'png' if kind == 'orig' else 'jpg'}")
    copies = {Path(row["file_name"]).stem.split("_")[-2] for row in rows}
    assert copies == {"0", "1", "orig"}
    assert (faults(out), list(replay(runtime_of(out)))) == ([], [])


def test_names_of_views(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out", run_of(source, tmp_path / "out", recipe="augmix"))
    rows = rows_of(out)
    assert len(rows) == 24 * 7
    for row in rows:
        *_, copy, view, name = Path(row["file_name"]).stem.split("_")
        assert (view, name) == (row["view"], row["sample_id"])
        assert (copy in ("0", "1")) == (row["recipe"] == "augmix")


def test_names_decide_about_nothing_else(source: Path, tmp_path: Path) -> None:
    rows = []
    for number, name in enumerate((NAME, "{id}")):
        out = tmp_path / f"out{number}"
        rows.append(rows_of(make(source, out, run_of(source, out, name))))
        for row in rows[-1]:
            stem = Path(row.pop("file_name")).stem
            assert id_in(stem) == row["sample_id"]
    assert rows[0] == rows[1]


def test_bytes_are_the_same_after_an_interruption(source: Path, tmp_path: Path) -> None:
    first = tree(make(source, tmp_path / "first"))
    out = tmp_path / "out"

    def stop(_: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        make(source, out, on_report=stop, workers=2)
    staged = out / STATE / "train/a/left by a killed worker_cutmix_0_0123456789abcdef.jpg"
    staged.write_bytes(b"half")
    again = tree(make(source, out, resume=True))
    assert first.keys() == again.keys()
    assert {name for name in first if first[name] != again[name]} == {".augcli/timings.json"}
    with pytest.raises(UserError, match=r"begun with --name .* \(now \{id\}\); resume"):
        check(run_of(source, out, "{id}"), Existing.resume)


def test_a_file_of_somebody_else_stays(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    stranger = out / "train/a/eye0_cutmix_0.jpg"
    stranger.write_bytes(b"mine")
    assert faults(out) == ["no row names this file"]
    with pytest.raises(UserError, match=r"eye0_cutmix_0\.jpg is nothing that a run writes"):
        remove_run(out)
    stranger.unlink()
    remove_run(out)
    assert sorted(path.name for path in out.rglob("*")) == [STATE, "lock", "removal.json"]


def test_a_repair_makes_files_with_their_names(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    before = tree(out)
    rows = rows_of(out)
    (out / "train" / rows[0]["file_name"]).unlink()
    (out / "train" / rows[5]["file_name"]).write_bytes(b"broken")
    image = next((out / "val/a").iterdir())
    image.unlink()
    lines = (out / "train/metadata.jsonl").read_bytes().splitlines(keepends=True)
    (out / "train/metadata.jsonl").write_bytes(b"".join(lines[:7] + lines[8:]))
    repaired = repair(runtime_of(out), verify(out).wrong)
    assert (repaired.replaced, repaired.faults) == (4, [])
    after = tree(out)
    assert {n: d for n, d in after.items() if "replaced" not in n} == before


def test_a_finished_run_is_looked_through_by_its_names(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    outcome = generate(run_of(source, out), source={"source": str(source)}, resume=True)
    assert outcome.was_complete
    assert (outcome.outputs, outcome.others) == (72, {"val": 24})


@pytest.mark.parametrize("name", ["{source}", "{nothing}_{id}", 5, None])
def test_a_record_with_another_template_is_read_as_one(
    source: Path, tmp_path: Path, name: object
) -> None:
    """A template that says no id has it at its end; another one is none."""
    out = make(source, tmp_path / "out")
    record = json.loads((out / "run.json").read_text()) | {"name": name}
    (out / "run.json").write_text(json.dumps(record))
    if name == "{source}":
        assert list(replay(runtime_of(out))) == []
        return
    with pytest.raises(UserError, match=r"run.json does not describe a run of augcli: .*name"):
        list(replay(runtime_of(out)))
