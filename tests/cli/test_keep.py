"""--keep and --saliency on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import SAMPLE_DATA, Augcli


def rows(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").open()]


@pytest.mark.parametrize(
    ("recipe", "mode"), [("cutout", "cut"), ("randaugment", "paste"), ("mixup", "paste")]
)
def test_rows_tell_what_was_kept(augcli: Augcli, tmp_path: Path, recipe: str, mode: str) -> None:
    out = tmp_path / "out"
    result = augcli("generate", SAMPLE_DATA, out, "-r", recipe, "--keep", "--tau", 0.5)
    assert result.returncode == 0, result.stderr
    actual = rows(out)
    assert len(actual) == 30
    for row in actual:
        keep_params = json.loads(str(row["params"]))["keep"]
        assert keep_params["mode"] == mode
        assert row["saliency_method"] == "fine-grained"
        if keep_params["box"] is not None and keep_params["admissible"]:
            above = keep_params["score"] - keep_params["threshold"]
            assert above <= 0 if mode == "cut" else above >= 0
    values = json.loads((out / "run.json").read_text())["recipe"]["steps"][0]["keep"]
    keep = {"tau": 0.5, "size": 0.5, "saliency": "fine-grained", "saliency_size": None}
    assert values == keep | {"candidates": "recipe"}
    assert augcli("verify", out, "--replay").returncode == 0


def test_saliency_is_that_of_the_recipe_and_of_keep(augcli: Augcli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = augcli(
        "generate", SAMPLE_DATA, out, "-r", "saliencymix", "--keep",
        "--saliency", "spectral-residual", "--saliency-size", 64,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert {row["saliency_method"] for row in rows(out)} == {"spectral-residual@64"}


def test_preview_shows_the_map_and_the_region(augcli: Augcli, tmp_path: Path) -> None:
    widths = []
    for extra in ((), ("--keep",)):
        file = tmp_path / "sheet.png"
        result = augcli("preview", SAMPLE_DATA, "-r", "cutout", "-n", 1, "--to", file, *extra)
        assert result.returncode == 0, result.stderr
        with Image.open(file) as sheet:
            widths.append(sheet.width)
    assert widths[1] - widths[0] == 220, "one more panel"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tau", "0.5"), "--tau has no effect without --keep; add that."),
        (("--keep", "--tau", "2"), "--tau 2 is more than 1; give a number from 0 to 1"),
        (
            ("--saliency", "gradient"),
            "--saliency has no effect with recipe cutout, which looks for",
        ),
        (("--keep", "--saliency", "gradient"), "--saliency gradient needs a classifier"),
        (("--keep", "--saliency", "finegraind"), "did you mean 'fine-grained'?"),
        (
            ("--keep", "--saliency", "gradient", "--model", "none.onnx"),
            "none.onnx",
        ),
    ],
)
def test_refusals(augcli: Augcli, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    out = tmp_path / "out"
    result = augcli("generate", SAMPLE_DATA, out, "-r", "cutout", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()
