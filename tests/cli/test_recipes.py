"""augcli recipes tells what the declarations say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.recipes.catalogue import recipe_class, recipe_names
from tests.conftest import Augcli


def test_all_recipes_are_listed_with_their_papers(augcli: Augcli) -> None:
    listed = json.loads(augcli("recipes", "--json").stdout)
    assert list(listed) == recipe_names()
    assert "arXiv" in listed["cutmix"] or "arxiv.org/abs/1905.04899" in listed["cutmix"]
    text = augcli("recipes").stdout
    assert all(f"\n{name} " in f"\n{text}" for name in recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_every_declaration_is_complete(name: str) -> None:
    recipe = recipe_class(name)
    assert recipe.name == name
    assert "http" in (recipe.__doc__ or ""), "the paper's address"
    for option, field in recipe.model_fields.items():
        assert field.description, option
        assert not field.is_required(), option


def test_one_recipe_shows_types_bounds_and_defaults(augcli: Augcli) -> None:
    told = json.loads(augcli("recipes", "saliencymix", "--json").stdout)
    assert told["sources"] == 2
    options = {option["name"]: option for option in told["options"]}
    assert options["alpha"]["type"] == "number (>= 1e-06, <= 1e+09)"
    assert options["alpha"]["default"] == 1.0
    assert options["detector"]["type"].split(" | ")[:2] == ["fine-grained", "opencv-fine-grained"]
    assert options["saliency_size"]["type"] == "integer (>= 1, <= 32768) or none"
    text = augcli("recipes", "saliencymix").stdout
    assert "  alpha: number (>= 1e-06, <= 1e+09) = 1.0\n" in text
    assert "https://arxiv.org/abs/2006.01791" in text


def test_a_recipe_file_is_shown_and_made(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "strong.toml"
    file.write_text(
        "label_smoothing = 0.3\n[[steps]]\nrecipe = 'cutout'\nfill = 'black'\n"
        "[[steps]]\none_of = [{recipe = 'cutmix'}, {recipe = 'mixup', alpha = 1, weight = 3}]\n"
        "[classes.bee.cutout]\nprobability = 0\n"
    )
    text = augcli("recipes", "show", file).stdout
    assert "strong, label smoothing 0.3" in text
    assert "  mixup (75%): alpha=1.0\n" in text
    assert "class bee: step 1, probability 0\n" in text
    out = tmp_path / "out"
    done = augcli("generate", photos, out, "--recipe-file", file, "-k", 4)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    used = [json.loads(row["params"])["recipe"] for row in rows]
    assert used.count("cutmix") + used.count("mixup") == 60
    assert used.count("mixup") > 30
    for row in rows:
        assert row["recipe"] == "strong"
        assert min(row["soft_label"]) == pytest.approx(0.1, abs=1e-12) or len(
            {path.split("/")[0] for path in row["source_paths"]}
        ) > 1  # fmt: skip
        inputs = json.loads(row["params"]).get("inputs", [None, None])
        for path, made in zip(row["source_paths"], inputs, strict=True):
            assert (made is None) == path.startswith("bee/")
    told = json.loads((out / "run.json").read_text())["recipe"]
    assert told == json.loads(augcli("recipes", "show", file, "--json").stdout)
    assert augcli("verify", out, "--replay").returncode == 0
    sheet = augcli("preview", photos, "--recipe-file", file, "--to", tmp_path / "s.png")
    assert sheet.returncode == 0, sheet.stderr


def test_keep_of_a_step_is_shown(augcli: Augcli, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text(
        "[[steps]]\nrecipe = 'cutout'\nkeep = {tau = 0.7, saliency = 'gradient'}\n"
        "[[steps]]\nrecipe = 'flip'\n"
    )
    assert augcli("recipes", "show", file).stdout.splitlines() == [
        "f, label smoothing 0",
        "",
        "step 1, probability 1",
        "  cutout: length=none, fill=mean",
        "  keep: tau=0.7, size=0.5, saliency=gradient, saliency_size=none",
        "step 2, probability 1",
        "  flip: direction=horizontal, probability=0.5",
    ]


def test_a_class_that_the_source_lacks(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text("[[steps]]\nrecipe = 'cutout'\n[classes.bea.cutout]\nlength = 3\n")
    done = augcli("generate", photos, tmp_path / "out", "--recipe-file", file)
    assert done.returncode == 2
    assert "for class 'bea', which SOURCE" in done.stderr
    assert "did you mean 'bee'" in done.stderr


def test_settings_that_every_recipe_takes(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = ("--set", "probability=0.5", "--label-smoothing", "0.3")
    assert augcli("generate", photos, out, "-r", "cutmix", *settings, "-k", 8).returncode == 0
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    left = [row for row in rows if row["params"] == "null"]
    assert 40 < len(left) < 80
    for row in left:
        weights = sorted(row["label_weights"])
        assert weights == pytest.approx([0.1, 0.1, 0.8], abs=1e-12)
        assert len(row["source_ids"]) == 1
    done = augcli("generate", photos, tmp_path / "o", "-r", "cutmix", "--set", "probability=2")
    assert (done.returncode, "probability=2 is not a number from 0 to 1" in done.stderr) == (
        2,
        True,
    )
