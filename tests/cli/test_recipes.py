"""augcli recipes tells what the declarations say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from augcli.enums import DETECTORS
from augcli.recipes.catalogue import recipe_class, recipe_names
from augcli.recipes.index import ENTRIES, GROUPS, OWN_LABEL, group_of
from tests.conftest import ROOT, Augcli


def test_all_recipes_are_listed_with_their_papers(augcli: Augcli) -> None:
    listed = json.loads(augcli("recipes", "--json").stdout)
    assert list(listed) == list(ENTRIES)
    assert sorted(listed) == recipe_names()
    options = [
        {
            "name": "alpha",
            "type": "number",
            "default": 1.0,
            "range": {"minimum": 1e-06, "maximum": 1e9},
            "choices": None,
            "help": "lam ~ Beta(alpha, alpha), the target's share",
        },
        {
            "name": "probability",
            "type": "number",
            "default": 1.0,
            "range": {"minimum": 0, "maximum": 1},
            "choices": None,
            "help": "of applying the recipe; the other outputs stay as they are (of every recipe)",
        },
    ]
    cutmix = listed["cutmix"]
    assert cutmix.pop("description")[1].startswith("A box of the partner is pasted")
    assert cutmix == {
        "name": "cutmix",
        "group": "Mixing images",
        "makes": "a box of a partner, uniformly placed, is pasted in",
        "sources": 2,
        "label": "by pasted area",
        "paper": {"citation": "Yun et al., ICCV 2019", "link": "https://arxiv.org/abs/1905.04899"},
        "options": options,
    }
    for name, facts in listed.items():
        assert facts["paper"]["link"].startswith("https://"), name
        cited = facts["paper"]["citation"]
        assert cited is None or re.search(r"(, [A-Z]\w+)? \d{4}$", cited), name
    assert [n for n, facts in listed.items() if facts["paper"]["citation"] is None] == [
        *("flip", "rotate", "shear", "translate", "color_jitter", "brightness", "contrast"),
        *("color", "sharpness", "autocontrast", "equalize", "invert", "posterize", "solarize"),
    ]
    assert listed["ricap"]["sources"] == 4


def test_the_list_has_headings_in_the_order_of_the_readme(augcli: Augcli) -> None:
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|.*\| (.*) \|$", readme, re.M)
    chapter = [(name, label) for names, label in rows for name in re.findall(r"\w+", names)]
    in_readme = [(name, label) for name, label in chapter if name in recipe_names()]
    assert in_readme == [(name, entry.label) for name, entry in ENTRIES.items()]
    text = augcli("recipes").stdout
    titles = re.findall(r"^(\w.*):$", text, re.M)
    assert titles == list(GROUPS)
    assert re.findall(r"^  (\w+)  ", text, re.M) == list(ENTRIES)
    assert max(map(len, text.splitlines())) < 80
    assert "…" not in text and "http" not in text
    joined = " ".join(text.split())
    for name, entry in ENTRIES.items():
        mixes = entry.label != OWN_LABEL
        label = f"; label {entry.label}" if mixes else ""
        assert f"{name} {entry.makes}{label}" in joined
    assert "in; label by pasted area (Uddin et al., ICLR 2021) cutmix" in joined


@pytest.mark.parametrize("name", recipe_names())
def test_the_index_agrees_with_the_declaration(name: str) -> None:
    recipe, entry = recipe_class(name), ENTRIES[name]
    assert entry.options == tuple(recipe.model_fields)
    if recipe.sources == 1:
        assert entry.label == OWN_LABEL
    assert (group_of(name) == "Mixing images") == (recipe.sources > 1)


@pytest.mark.parametrize("name", recipe_names())
def test_every_declaration_is_complete(name: str) -> None:
    recipe = recipe_class(name)
    assert recipe.name == name
    assert "http" in (recipe.__doc__ or ""), "the paper's address"
    for option, field in recipe.model_fields.items():
        assert field.description, option
        assert not field.is_required(), option


def test_one_recipe_shows_types_bounds_and_defaults(augcli: Augcli) -> None:
    values = json.loads(augcli("recipes", "saliencymix", "--json").stdout)
    assert values == json.loads(augcli("recipes", "--json").stdout)["saliencymix"]
    assert values["sources"] == 2
    options = {option["name"]: option for option in values["options"]}
    assert options["alpha"]["type"] == "number"
    assert options["alpha"]["range"] == {"minimum": 1e-06, "maximum": 1e9}
    assert options["alpha"]["default"] == 1.0
    assert options["detector"]["choices"] == list(DETECTORS)
    assert options["saliency_size"]["type"] == "integer or none"
    assert options["saliency_size"]["range"] == {"minimum": 1, "maximum": 32768}
    assert options["protect_target"]["range"] == {"minimum": 0, "exclusiveMaximum": 1}
    text = augcli("recipes", "saliencymix").stdout
    assert "  alpha: number, 1e-06 to 1e+09 (default: 1.0)\n" in text
    assert "  box: per-image | per-batch (default: per-image)\n" in text
    assert "  protect_target: number or none, at least 0, less than 1 (default: none)\n" in text
    assert "Label of an output: by pasted area\n" in text
    assert "https://arxiv.org/abs/2006.01791" in text
    assert augcli("recipes", "show", "saliencymix").stdout == text


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_shown_in_lines_that_fit(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from augcli.cli.app import run

    assert run(["recipes", "show", name]) == 0
    text = capsys.readouterr().out
    for line in text.splitlines():
        assert len(line) < 80 or line.strip().startswith("(http")
    for option in recipe_class(name).model_fields:
        assert f"\n  {option}: " in text
    assert text.count("\n  probability: number, 0 to 1 (default: ") == 1


@pytest.mark.parametrize("name", ["strong.toml", "sub/strong", "./cutmix"])
def test_a_recipe_file_in_the_place_of_a_name(name: str, augcli: Augcli) -> None:
    result = augcli("recipes", name)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"augcli: {name} is a file, not the name of a recipe; give --recipe-file {name}, and look"
        f" at it with `augcli recipes show {name}`.\n"
    )


def test_show_of_neither_name_nor_file(augcli: Augcli) -> None:
    result = augcli("recipes", "show", "cutmixx")
    assert result.returncode == 2
    assert "There is no recipe 'cutmixx' (did you mean 'cutmix'?)" in result.stderr
    result = augcli("recipes", "show", "missing.toml")
    assert result.returncode == 2
    assert "Recipe file missing.toml does not exist" in result.stderr
    assert "needs a recipe file or a recipe's name" in augcli("recipes", "show").stderr
    assert "`augcli recipes cutmix` takes no file" in augcli("recipes", "cutmix", "x").stderr


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
    result = augcli("generate", photos, out, "--recipe-file", file, "-k", 4)
    assert result.returncode == 0, result.stderr
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
    values = json.loads((out / "run.json").read_text())["recipe"]
    assert values == json.loads(augcli("recipes", "show", file, "--json").stdout)
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
        "  keep: tau=0.7, size=0.5, candidates=recipe, saliency=gradient, saliency_size=none",
        "step 2, probability 1",
        "  flip: direction=horizontal, probability=0.5",
    ]


def test_a_class_that_the_source_lacks(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text("[[steps]]\nrecipe = 'cutout'\n[classes.bea.cutout]\nlength = 3\n")
    result = augcli("generate", photos, tmp_path / "out", "--recipe-file", file)
    assert result.returncode == 2
    assert "for class 'bea', which SOURCE" in result.stderr
    assert "did you mean 'bee'" in result.stderr


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
    result = augcli("generate", photos, tmp_path / "o", "-r", "cutmix", "--set", "probability=2")
    assert (result.returncode, "probability=2 is not a number from 0 to 1" in result.stderr) == (
        2,
        True,
    )
