"""augcli preview draws the pixels that generate writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augcli.dataset.imagefolder import read_image_folder
from augcli.image.sheet import Line, Panel
from augcli.recipes.augmix import AugMix
from augcli.recipes.basic_operations import Flip
from augcli.recipes.cutout import Cutout
from augcli.recipes.keep import Keep
from augcli.recipes.pipeline import Pipeline, Step
from augcli.recipes.recipe import Recipe
from augcli.recipes.saliencymix import SaliencyMix
from augcli.run.images import Images
from augcli.run.outputs import Outputs
from augcli.run.plan import Run
from augcli.run.preview import preview
from tests.conftest import SAMPLE_DATA, Augcli


def test_outputs_of_preview_are_those_of_generate(augcli: Augcli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("-r", "saliencymix", "--seed", "5")
    done = augcli("generate", SAMPLE_DATA, out, *options, "--format", "png")
    assert done.returncode == 0, done.stderr
    listing = read_image_folder(SAMPLE_DATA)
    run = Run(listing, Pipeline("saliencymix", (Step(SaliencyMix()),)), tmp_path, seed=5)
    images, block = Images(run), run.plan.block(0)
    for place in range(6):
        (made,) = Outputs(run, images, block).of(place, 0)
        (file,) = (out / "train").glob(f"*/{made.output_id}.png")
        np.testing.assert_array_equal(np.asarray(Image.open(file)), made.picture.image)


def test_sheet_has_a_row_per_example_and_shows_the_result(augcli: Augcli, tmp_path: Path) -> None:
    file = tmp_path / "sheet.png"
    heights = []
    for examples in (1, 3):
        done = augcli(
            "preview", SAMPLE_DATA, "-r", "saliencymix", "-n", examples, "--to", file, "--json"
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        with Image.open(file) as sheet:
            assert sheet.size == (told["width"], told["height"])
            heights.append(sheet.height)
            pixels = np.asarray(sheet.convert("RGB"))
    rows = heights[1] - heights[0]
    assert rows >= 2 * 120
    # Four pictures stand side by side in the first row, divided by white gaps.
    band = pixels[100:200]
    inked = (band != 255).any(axis=(0, 2))
    runs = np.flatnonzero(np.diff(np.r_[0, inked.astype(int), 0]) == 1)
    assert len(runs) >= 4


def panels_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[list[Panel]]:
    """The panels of each line of a sheet, whose drawing is left out."""
    drawn: list[Line] = []

    def keep_lines(_: str, lines: list[Line], side: int) -> Any:
        drawn.extend(lines)
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr("augcli.run.preview.draw_sheet", keep_lines)
    preview(run, 4)
    return [list(line.panels) for line in drawn]


def run_of(recipe: Recipe, out: Path, source: Path = SAMPLE_DATA, **keep: Any) -> Run:
    step = Step(recipe, keep=Keep(**keep) if keep else None)
    return Run(read_image_folder(source), Pipeline(recipe.name, (step,)), out, seed=3)


def test_maps_show_the_box_and_the_peak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = run_of(SaliencyMix(), tmp_path)
    images, block = Images(run), run.plan.block(0)
    for place, panels in enumerate(panels_of(run, monkeypatch)):
        (made,) = Outputs(run, images, block).of(place, 0)
        target, partner, saliency, result = panels
        assert (target.title.split(":")[0], partner.title.split(":")[0]) == ("target", "partner")
        np.testing.assert_array_equal(target.image, made.used[0].image)
        np.testing.assert_array_equal(partner.image, made.used[1].image)
        np.testing.assert_array_equal(result.image, made.picture.image)
        assert (saliency.title, saliency.note) == ("partner's saliency", "fine-grained")
        assert saliency.boxes == result.boxes == made.picture.boxes
        assert made.picture.record is not None
        assert saliency.mark == made.picture.record["params"]["centre"]
        assert saliency.image.shape == result.image.shape


@pytest.mark.parametrize(
    ("recipe", "mode", "sign"), [(Cutout(), "cut", "<"), (Flip(), "paste", ">")]
)
def test_maps_show_what_is_kept_and_why(
    recipe: Recipe, mode: str, sign: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = run_of(recipe, tmp_path, tau=0.7)
    images, block = Images(run), run.plan.block(0)
    for place, panels in enumerate(panels_of(run, monkeypatch)):
        (made,) = Outputs(run, images, block).of(place, 0)
        _, saliency, result = panels
        assert made.picture.record is not None
        kept = made.picture.record["keep"]
        assert saliency.title == "target's saliency"
        assert saliency.note == f"{mode}: {kept['score']:.4g} {sign} {kept['threshold']:.4g}"
        assert saliency.boxes == (kept["box"],) == result.boxes


def test_every_view_of_a_triplet_has_its_map(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for panels in panels_of(run_of(AugMix(views=2), tmp_path, tau=0.6), monkeypatch):
        titles = [panel.title for panel in panels]
        maps = ["aug1: target's saliency", "aug2: target's saliency"]
        assert titles[1:] == [*maps, "orig", "aug1", "aug2"]
        assert [panels[1].boxes, panels[2].boxes] == [panels[4].boxes, panels[5].boxes]


def test_flat_maps_are_called_flat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "flat"
    for number in range(3):
        (source / f"c{number}").mkdir(parents=True)
        Image.new("RGB", (30, 20), (50 * number,) * 3).save(source / f"c{number}/a.png")
    notes = {
        panel.note
        for run in (
            run_of(SaliencyMix(), tmp_path, source),
            run_of(Cutout(), tmp_path, source, tau=0.5),
            run_of(Flip(), tmp_path, source, tau=0.5),
        )
        for panels in panels_of(run, monkeypatch)
        for panel in panels
        if "saliency" in panel.title
    }
    assert notes == {
        "fine-grained: flat, drawn at random", "cut: the map is flat", "paste: the map is flat",
    }  # fmt: skip


def test_show_draws_in_the_terminal(augcli: Augcli, tmp_path: Path) -> None:
    done = augcli(
        "preview", SAMPLE_DATA, "-r", "cutout", "-n", 1, "--show", "--to", tmp_path / "p.png",
        env={"COLORTERM": "truecolor", "FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].count("▀") == 100
    assert "\x1b[38;2;" in lines[5]
