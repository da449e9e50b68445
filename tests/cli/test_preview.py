"""augcli preview draws the pixels that generate writes."""

from __future__ import annotations

import json
import os
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
from tests.conftest import ROOT, SAMPLE_DATA, Augcli, tree, write_photo


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

    def keep_lines(_: str, lines: list[Line], __: int) -> Any:
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


def refused(done: Any, sentence: str, code: int = 2) -> bool:
    """Whether a call ended with one sentence that holds this, and printed nothing else."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr, done.stderr
    return True


@pytest.mark.parametrize("kind", ["folder", "list", "table", "link", "linked folder", "manifest"])
def test_a_source_is_never_written_to(
    augcli: Augcli, photos: Path, tmp_path: Path, kind: str
) -> None:
    """Neither over an image, nor beside the images of a folder; a place is what it is by any
    name."""
    image = photos / "ant/ant 0.jpg"
    source: Path | str = photos
    places = [image, photos / "ant/new.png", photos / "new.png", photos / "bee/../ant/new.png"]
    listed = None
    if kind == "list":
        source, places = "-", [image]
        listed = b"\n".join(str(path).encode() for path in photos.rglob("*.jpg"))
    elif kind == "table":
        source, places = tmp_path / "t.csv", [image]
        rows = (f"{path.relative_to(tmp_path)},{path.parent.name}" for path in photos.rglob("*.*"))
        source.write_text("path,label\n" + "\n".join(rows))
    elif kind == "link":
        (tmp_path / "way").symlink_to(photos)
        (tmp_path / "one.jpg").symlink_to(image)
        places = [tmp_path / "way/ant/ant 0.jpg", tmp_path / "way/new.png", tmp_path / "one.jpg"]
    elif kind == "linked folder":
        elsewhere = tmp_path / "elsewhere"
        (photos / "cow").rename(elsewhere)
        (photos / "cow").symlink_to(elsewhere)
        (photos / "bee/far.png").symlink_to(tmp_path / "far.png")
        write_photo(tmp_path / "far.png", 1, 30, 20)
        places = [elsewhere / "new.png", elsewhere / "cow 0.jpg", tmp_path / "far.png"]
    elif kind == "manifest":
        source = tmp_path / "made"
        assert augcli("generate", photos, source, "-r", "flip").returncode == 0
        places = [source / "sheet.png", source / "train/ant/sheet.png"]
    before = tree(tmp_path)
    for place in places:
        done = augcli("preview", source, "-r", "flip", "-n", 1, "--to", place, stdin=listed)
        assert refused(done, f"--to {place} ")
        assert "is a link; name the file itself" in done.stderr or "; choose another" in done.stderr
    assert tree(tmp_path) == before


def test_what_is_no_picture_is_not_replaced(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    """Whatever its name is: tables, archives, recipe files and models are among these."""
    files = {
        "text.png": b"a text", "model.jpg": b"\x08\x07\x12", "tar.webp": b"ant/\0\0" * 100,
        "gif.png": b"GIF89a" + bytes(20),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        done = augcli("preview", photos, "-r", "flip", "-n", 1, "--to", tmp_path / name)
        assert refused(done, "exists and is a file of another kind, which is not replaced")
        assert (tmp_path / name).read_bytes() == content
    recipe = tmp_path / "r.png"
    recipe.write_text("[[steps]]\nrecipe = 'flip'\n")
    done = augcli("preview", photos, "--recipe-file", recipe, "-n", 1, "--to", recipe)
    assert refused(done, "exists and is a file of another kind")
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "null.png").symlink_to("/dev/null")
    for name, sentence in (
        ("fifo.png", "is not a regular file"), ("folder.png", "is a folder"),
        ("null.png", "is a link; name the file itself"),
    ):  # fmt: skip
        done = augcli("preview", photos, "-r", "flip", "-n", 1, "--to", tmp_path / name)
        assert refused(done, sentence)
    assert refused(augcli("preview", photos, "-r", "flip", "--to", "/dev/stdout"), "is no PNG")


def test_an_earlier_picture_is_replaced_as_a_whole(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sheet.png"
    file.touch()  # as of mktemp
    for examples in (1, 2):
        done = augcli("preview", photos, "-r", "flip", "-n", examples, "--to", file)
        assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["sheet.png"]


def test_a_full_disk_leaves_the_earlier_picture(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    """A file of at most 2 KiB stands for the full disk."""
    file = tmp_path / "sheet.png"
    write_photo(file, 1, 8, 8)
    before = file.read_bytes()
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "sitecustomize.py").write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n"
    )
    env = {"PYTHONPATH": f"{shadow}:{ROOT}"}
    done = augcli("preview", photos, "-r", "flip", "-n", 1, "--to", file, env=env)
    assert refused(done, f"--to {file} cannot be written: File too large", 1)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("sheet*")) == ["sheet.png"]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    for number in range(70):
        write_photo(folder / f"c{number % 2}" / f"{number}.png", number, 16, 24)
    return folder


def test_tall_sheets_stand_in_stacks(augcli: Augcli, many: Path, tmp_path: Path) -> None:
    """WebP ends at 16,383 pixels a side, where 61 rows of upright pictures fit; PNG goes on."""
    sizes = {}
    for name in ("x.webp", "x.png"):
        done = augcli("preview", many, "-r", "flip", "-n", 70, "--to", tmp_path / name, "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        with Image.open(tmp_path / name) as sheet:
            assert sheet.size == (told["width"], told["height"])
            sizes[name] = sheet.size
            if name == "x.webp":
                pixels = np.asarray(sheet.convert("L"))
    wide = sizes["x.png"][0] - 12
    assert sizes == {"x.png": (12 + wide, 70 * 266 + 52), "x.webp": (12 + 2 * wide, 61 * 266 + 52)}
    inked = (pixels[:, 12 + wide : -12] < 128).any(axis=1)
    assert inked[40 : 40 + 9 * 266].any() and not inked[60 + 9 * 266 :].any(), "the other nine"


def test_examples_that_no_stacks_hold_are_refused_before_work(
    augcli: Augcli, many: Path, tmp_path: Path
) -> None:
    done = augcli(
        "preview", many, "--all-recipes", "-n", 150, "--to", tmp_path / "x.webp",
    )  # fmt: skip
    assert refused(done, "--examples 150 do not fit into webp, which has at most 16383 pixels a")
    assert "; 120 fit, or name a .png file with --to." in done.stderr
