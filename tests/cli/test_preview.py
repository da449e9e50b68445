"""augcli preview draws the pixels that generate writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from augcli.dataset.imagefolder import read_image_folder
from augcli.recipes.pipeline import Pipeline, Step
from augcli.recipes.saliencymix import SaliencyMix
from augcli.run.images import Images
from augcli.run.outputs import make_outputs
from augcli.run.plan import Run
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
        (made,) = make_outputs(run, images, block, place, 0)
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


def test_show_draws_in_the_terminal(augcli: Augcli, tmp_path: Path) -> None:
    done = augcli(
        "preview", SAMPLE_DATA, "-r", "cutout", "-n", 1, "--show", "--to", tmp_path / "p.png",
        env={"COLORTERM": "truecolor", "FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].count("▀") == 100
    assert "\x1b[38;2;" in lines[5]
