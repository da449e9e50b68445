"""Every recipe over sources of every kind, from folder to manifest, and again from its rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augcli.data.source import list_source
from augcli.manifest.reader import read_rows
from augcli.manifest.row import Row
from augcli.manifest.verify import verify
from augcli.pipeline.keep import Keep
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe, recipe_class, recipe_names
from augcli.store.layout import STATE
from augcli.tasks.replay import replay
from tests.conftest import tree
from tests.helpers.runs import generate, make_run, runtime_of


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Greyscale, palette, alpha, CMYK, 16 bits, one pixel, one row; of two classes."""
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(4)
    for name in ("a", "b"):
        (folder / name).mkdir()

    def photo(width: int, height: int) -> Image.Image:
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        return small.resize((width, height), Image.Resampling.BICUBIC)

    photo(40, 30).save(folder / "a/rgb.jpg")
    photo(40, 30).convert("L").save(folder / "a/grey.jpg")
    photo(31, 37).quantize(16).save(folder / "a/palette.png")
    alpha = photo(33, 20)
    alpha.putalpha(Image.fromarray(rng.integers(0, 256, (20, 33), np.uint8)))
    alpha.save(folder / "b/alpha.png")
    photo(24, 40).convert("CMYK").save(folder / "b/cmyk.jpg")
    deep = rng.integers(0, 65536, (22, 28), np.uint16)
    Image.fromarray(deep).save(folder / "b/deep.png")
    photo(1, 1).save(folder / "a/pixel.png")
    photo(50, 1).save(folder / "b/row.png")
    return folder


def whole_rows(out: Path) -> list[Row]:
    return [row for row in read_rows(out / "train") if isinstance(row, Row)]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True], ids=["plain", "kept"])
@pytest.mark.parametrize("name", recipe_names())
def test_generate_verify_replay(kinds: Path, tmp_path: Path, name: str, kept: bool) -> None:
    recipe = build_recipe(name, {})
    pipeline = Pipeline(name, (Step(recipe, keep=Keep() if kept else None),))
    run = make_run(list_source(kinds), pipeline, tmp_path / STATE, copies=2)
    outcome = generate(run, source={"source": str(kinds)}, workers=1)
    assert (tmp_path / "errors.jsonl").read_text() == ""
    assert (outcome.outputs, outcome.skipped) == (16 * len(pipeline.views), 0)
    verified = verify(tmp_path)
    assert verified.faults == []
    rows = whole_rows(tmp_path)
    assert list(replay(runtime_of(tmp_path))) == []
    for row in rows:
        assert len(row.source_ids) <= recipe_class(name).sources
        assert ("keep" in json.loads(row.params)) == kept or row.view == "orig"


def test_views_of_one_target_form_a_group(kinds: Path, tmp_path: Path) -> None:
    recipe = build_recipe("augmix", {"views": 2})
    run = make_run(
        list_source(kinds), Pipeline("augmix", (Step(recipe),)), tmp_path / STATE, copies=2
    )
    generate(run, source={"source": str(kinds)}, workers=1)
    verified = verify(tmp_path)
    assert verified.faults == []
    groups: dict[str, list[str]] = {}
    rows = whole_rows(tmp_path)
    for row in rows:
        groups.setdefault(row.group_id, []).append(row.view)
    assert len(groups) == 16
    assert all(views == ["orig", "aug1", "aug2"] for views in groups.values())
    by_group = {(row.group_id, row.view): row for row in rows}
    for group in groups:
        views = [by_group[group, view] for view in ("orig", "aug1", "aug2")]
        assert len({row.source_ids[0] for row in views}) == 1
        assert views[0].params == "null"
        assert views[1].params != views[2].params
    broken = next(row for row in rows if row.view == "aug2")
    lines = (tmp_path / "train/metadata.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if broken.sample_id not in line]
    (tmp_path / "train/metadata.jsonl").write_text("".join(kept))
    (tmp_path / "train" / broken.file_name).unlink()
    fault, count = verify(tmp_path).faults
    assert count == ("run.json", "it counts 48 outputs, and there are 47")
    assert fault == (f"group {broken.group_id}", "its views are orig, aug1; missing: aug2")
    assert tree(tmp_path / "train")
