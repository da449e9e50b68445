"""augcli preview draws the pixels that generate writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augcli.data.source import list_source
from augcli.engine.images import Images
from augcli.engine.outputs import Output, Outputs
from augcli.engine.plan import Run
from augcli.enums import Fit
from augcli.image.fit import Fitted
from augcli.image.sheet import Panel
from augcli.pipeline.keep import Keep
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.augmix import AugMix
from augcli.recipes.basic_operations import Flip
from augcli.recipes.cutmix import CutMix
from augcli.recipes.cutout import Cutout
from augcli.recipes.randaugment import RandAugment
from augcli.recipes.recipe import Recipe, SaliencySpec
from augcli.recipes.ricap import RICAP
from augcli.recipes.saliencymix import SaliencyMix
from augcli.tasks.captions import label_line, share_text
from augcli.tasks.preview import preview, preview_recipes
from tests.conftest import SAMPLE_DATA, Augcli, write_photo
from tests.helpers.runs import make_run


def test_outputs_of_preview_are_those_of_generate(augcli: Augcli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("-r", "saliencymix", "--seed", "5")
    result = augcli("generate", SAMPLE_DATA, out, *options, "--format", "png")
    assert result.returncode == 0, result.stderr
    listing = list_source(SAMPLE_DATA)
    run = make_run(listing, Pipeline("saliencymix", (Step(SaliencyMix()),)), tmp_path, seed=5)
    images, block = Images(run), run.plan.block(0)
    for place in range(6):
        (output,) = Outputs(run, images, block).of(place, 0)
        (file,) = (out / "train").glob(f"*/*{output.output_id}.png")
        np.testing.assert_array_equal(np.asarray(Image.open(file)), output.picture.image)


def test_sheet_has_a_row_per_example_and_shows_the_result(augcli: Augcli, tmp_path: Path) -> None:
    file = tmp_path / "sheet.png"
    heights = []
    for examples in (1, 3):
        result = augcli(
            "preview", SAMPLE_DATA, "-r", "saliencymix", "-n", examples, "--to", file, "--json"
        )
        assert result.returncode == 0, result.stderr
        values = json.loads(result.stdout)
        with Image.open(file) as sheet:
            assert sheet.size == (values["width"], values["height"])
            heights.append(sheet.height)
            pixels = np.asarray(sheet.convert("RGB"))
    rows = heights[1] - heights[0]
    assert rows >= 2 * 120
    # Four pictures stand side by side in the first row, divided by white gaps.
    band = pixels[110:200]
    inked = (band != 255).any(axis=(0, 2))
    runs = np.flatnonzero(np.diff(np.r_[0, inked.astype(int), 0]) == 1)
    assert len(runs) >= 4


def panels_of(run: Run, examples: int = 4) -> list[list[Panel]]:
    """The panels of each line of a sheet."""
    return [list(line.panels) for line in preview(run, examples).sheet.lines]


def outputs_of(run: Run, examples: int = 4) -> list[Output]:
    """The outputs that a sheet shows, made as `generate` makes them."""
    block = run.plan.block(0)
    every = 2 if run.job.pipeline.sources == 2 else 1
    output = Outputs(run, Images(run), block)
    return [output.of(place, 0)[-1] for place in range(0, every * examples, every)]


def run_of(recipe: Recipe, out: Path, source: Path = SAMPLE_DATA, **keep: Any) -> Run:
    """With options of KeepAugment, around the recipe."""
    step = Step(recipe, keep=Keep(**keep) if keep else None)
    return make_run(list_source(source), Pipeline(recipe.name, (step,)), out, seed=3)


def test_maps_show_the_box_and_the_peak(tmp_path: Path) -> None:
    run = run_of(SaliencyMix(), tmp_path)
    for panels, output in zip(panels_of(run), outputs_of(run), strict=True):
        target, partner, saliency, result = panels
        assert (target.title.split(":")[0], partner.title.split(":")[0]) == ("target", "partner")
        np.testing.assert_array_equal(target.image, output.used[0].image)
        canvas = Fitted(output.used[1].image, target.image.shape[:2])
        np.testing.assert_array_equal(partner.image, canvas.pixels())
        assert partner.boxes == saliency.boxes
        np.testing.assert_array_equal(result.image, output.picture.image)
        assert (saliency.title, saliency.notes) == ("partner's saliency", ("fine-grained",))
        assert saliency.boxes == result.boxes == output.picture.boxes
        assert output.picture.record is not None
        assert saliency.mark == output.picture.record["params"]["centre"]
        assert saliency.image.shape == result.image.shape


@pytest.mark.parametrize("fit", Fit)
def test_partners_are_shown_as_they_are_used(fit: Fit, tmp_path: Path) -> None:
    """On the target's canvas, with the part that went in, and with what was done to that end."""
    recipe = CutMix()
    pipeline = Pipeline("cutmix", (Step(recipe),))
    run = make_run(list_source(SAMPLE_DATA), pipeline, tmp_path, seed=3, fit=fit)
    notes: list[str] = []
    for (target, partner, result), output in zip(panels_of(run), outputs_of(run), strict=True):
        shape = target.image.shape[:2]
        assert partner.image.shape == target.image.shape
        fitted = Fitted(output.used[1].image, shape, fit)
        np.testing.assert_array_equal(partner.image, fitted.pixels())
        (box,) = partner.boxes
        assert (box,) == result.boxes == output.picture.boxes
        difference = partner.image[box.slices].astype(float) - result.image[box.slices]
        assert np.abs(difference).mean() < 4, "the pixels that went in, but for how they are read"
        notes += partner.notes[1:]
    kinds = {Fit.cover: "middle ", Fit.contain: ", padded", Fit.stretch: ", stretched"}
    assert any(kinds[fit] in note for note in notes), notes


def test_crops_of_ricap_are_marked(tmp_path: Path) -> None:
    """The pixels in the box of each source are those of its quadrant."""
    source = tmp_path / "s"
    for number in range(8):
        write_photo(source / f"c{number % 2}/{number}.png", number, 60, 40)
    run = run_of(RICAP(beta=1.0), tmp_path, source)
    for *sources, result in panels_of(run, 2):
        rows, columns = result.image.shape[:2]
        assert len(sources) == 4
        row, column = sources[0].boxes[0].height, sources[0].boxes[0].width
        corners = [(0, 0), (0, column), (row, 0), (row, column)]
        for panel, (top, left) in zip(sources, corners, strict=True):
            (box,) = panel.boxes
            quadrant = result.image[top : top + box.height, left : left + box.width]
            np.testing.assert_array_equal(panel.image[box.slices], quadrant)
        assert sum(panel.boxes[0].area for panel in sources) == rows * columns


def test_in_chains_a_step_of_a_partner_is_shown_as_it_is_used(tmp_path: Path) -> None:
    """The partner is covered on its own canvas, and that lies on the target's for the mix."""
    pipeline = Pipeline("two", (Step(Cutout()), Step(CutMix())))
    run = make_run(list_source(SAMPLE_DATA), pipeline, tmp_path, seed=3)
    differ = 0
    for line in preview(run, 4).sheet.lines:
        panels = {panel.title.partition(":")[0]: panel for panel in line.panels}
        partner, covered = panels["partner"], panels["step 1 of partner"]
        assert partner.boxes == ()
        assert covered.image.shape == panels["result"].image.shape
        own, taken = covered.boxes
        assert taken == panels["result"].boxes[-1]
        if partner.image.shape != covered.image.shape:
            differ += 1
            assert covered.notes[1].split()[-1] in (str(partner.image.shape[0]), "resized")
        inside = covered.image[own.slices][2:-2, 2:-2]
        assert own.area == 0 or np.ptp(inside.reshape(-1, 3), axis=0).max() <= 2
    assert differ > 0


def test_the_target_comes_first_in_the_label(tmp_path: Path) -> None:
    """As in the pictures, whichever class weighs more; its colour is then the same on all lines."""
    first = []
    for line in preview(run_of(CutMix(), tmp_path), 12).sheet.lines:
        assert line.panels[0].title == f"target: {line.label[0][0]}"
        first.append(line.label[0][1])
        assert sum(weight for _, weight in line.label) == pytest.approx(1)
    assert min(first) < 0.5


def test_protect_target_shows_what_it_protects(tmp_path: Path) -> None:
    run = run_of(SaliencyMix(protect_target=0.3), tmp_path)
    for _, partner, protected, saliency, result in panels_of(run):
        assert protected.title == "target's saliency"
        assert protected.boxes == saliency.boxes == partner.boxes == result.boxes[-1:]


def test_shares_are_told_where_there_are_several(tmp_path: Path) -> None:
    (line, *_) = preview(run_of(Cutout(), tmp_path), 1).sheet.lines
    assert len(line.text) == 1
    (line, *_) = preview(run_of(CutMix(), tmp_path), 1).sheet.lines
    weight = dict(line.label)[line.panels[0].title.partition(": ")[2]]
    assert line.text[0] == f"lam {weight:.4f}"


@pytest.mark.parametrize(("recipe", "word"), [(Cutout(), "cut"), (Flip(), "put back")])
def test_maps_say_in_words_what_is_kept_and_why(recipe: Recipe, word: str, tmp_path: Path) -> None:
    """The shares are counted here from the map itself."""
    run = run_of(recipe, tmp_path, tau=0.7)
    images = Images(run)
    for panels, output in zip(panels_of(run), outputs_of(run), strict=True):
        _, saliency, result = panels
        assert output.picture.record is not None
        keep_params = output.picture.record["keep"]
        assert saliency.title == "target's saliency"
        actual = images.saliency(
            images.get(output.used[0].sample.index), SaliencySpec("fine-grained")
        )
        sums = actual.astype(np.float64)
        held = 100 * sums[keep_params["box"].slices].sum() / sums.sum()
        sentence, detector = saliency.notes
        numbers = re.fullmatch(
            rf"{word}: the box holds ([0-9.]+) % of the saliency, limit ([0-9.]+) %", sentence
        )
        assert numbers is not None, sentence
        assert float(numbers[1]) == pytest.approx(held, abs=0.5)
        assert float(numbers[2]) == pytest.approx(
            100 * keep_params["threshold"] / sums.sum(), abs=0.5
        )
        assert (float(numbers[1]) < float(numbers[2])) == (word == "cut")
        assert detector == "fine-grained"
        assert saliency.boxes == (keep_params["box"],) == result.boxes


def test_every_view_of_a_triplet_has_its_map(tmp_path: Path) -> None:
    for panels in panels_of(run_of(AugMix(views=2), tmp_path, tau=0.6)):
        titles = [panel.title for panel in panels]
        maps = ["aug1: target's saliency", "aug2: target's saliency"]
        assert titles[1:] == [*maps, "orig", "aug1", "aug2"]
        assert [panels[1].boxes, panels[2].boxes] == [panels[4].boxes, panels[5].boxes]
        assert [panel.main for panel in panels] == [True, False, False, False, True, True]


def test_views_with_different_labels_say_which_is_whose(tmp_path: Path) -> None:
    steps = (Step(CutMix()), Step(AugMix(views=2)))
    run = make_run(list_source(SAMPLE_DATA), Pipeline("two", steps), tmp_path, seed=3)
    block = run.plan.block(0)
    line = preview(run, 1).sheet.lines[0]
    outputs = Outputs(run, Images(run), block).of(0, 0)
    results = line.panels[-3:]
    for output, panel in zip(outputs, results, strict=True):
        assert panel.notes[1] == label_line(run.listing.classes, output.label)
    assert line.text == [
        "the bars are the label of aug1",
        *(
            sentence
            for output in outputs
            for sentence in (
                f"{output.view}: lam {share_text(output.picture.shares[0])}",
                f"{output.view}: {output.output_id}",
            )
        ),
    ]
    assert line.text[1] == "orig: lam 1.0000" != line.text[3].replace("aug1", "orig")
    assert dict(line.label) == pytest.approx(
        {run.listing.classes[i]: w for i, w in zip(*outputs[1].label, strict=True)}
    )
    partner = next(panel for panel in line.panels if panel.title.startswith("partner"))
    assert partner.boxes == (), "each view took another part"


def test_flat_maps_are_called_flat(tmp_path: Path) -> None:
    source = tmp_path / "flat"
    for number in range(3):
        (source / f"c{number}").mkdir(parents=True)
        Image.new("RGB", (30, 20), (50 * number,) * 3).save(source / f"c{number}/a.png")
    notes = {
        panel.notes[0]
        for run in (
            run_of(SaliencyMix(), tmp_path, source),
            run_of(Cutout(), tmp_path, source, tau=0.5),
            run_of(Flip(), tmp_path, source, tau=0.5),
        )
        for panels in panels_of(run)
        for panel in panels
        if "saliency" in panel.title
    }
    assert notes == {
        "fine-grained: flat, drawn at random", "the map is flat: any box may be cut",
        "the map is flat: any box may be put back",
    }  # fmt: skip


def test_an_image_is_shown_once_while_others_are_left(augcli: Augcli, tmp_path: Path) -> None:
    """The partner of a target is the next one of its block: that one is not the next target."""
    run = run_of(CutMix(), tmp_path)
    images = len(run.listing)
    shown = [panel.notes[0] for panels in panels_of(run, 6) for panel in panels[:2]]
    assert len(set(shown)) == len(shown) == 12
    everything = preview(run, images).sheet.lines
    assert len({line.panels[0].notes for line in everything}) == images
    result = augcli("generate", SAMPLE_DATA, tmp_path / "out", "-r", "cutmix", "--seed", 3,
                  "--format", "png")  # fmt: skip
    assert result.returncode == 0, result.stderr
    for line in everything:
        (file,) = (tmp_path / "out/train").glob(f"*/*{line.text[-1]}.png")
        np.testing.assert_array_equal(np.asarray(Image.open(file)), line.panels[-1].image)


CHAIN = (
    Step(RandAugment(n=3), 0.7),
    Step(SaliencyMix()),
    Step(Cutout(), keep=Keep()),
)


def test_steps_of_a_chain_are_shown_one_by_one(tmp_path: Path) -> None:
    """Each panel is what this step made of the one before it, and says what it drew."""
    run = make_run(list_source(SAMPLE_DATA), Pipeline("strong", CHAIN), tmp_path, seed=3)
    for line in preview(run, 4).sheet.lines:
        panels = {panel.title: panel for panel in line.panels}
        target = next(p for p in line.panels if p.title.startswith("target: "))
        mixed, result = panels["step 2 of target"], panels["result"]
        before = panels.get("step 1 of target", target)
        box = mixed.boxes[-1]
        outside = np.ones(before.image.shape[:2], bool)
        outside[box.slices] = False
        np.testing.assert_array_equal(mixed.image[outside], before.image[outside])
        assert panels["step 2: partner's saliency"].boxes == (box,)
        cut = panels["step 3: target's saliency"].boxes
        assert set(cut) <= set(result.boxes)
        changed = (result.image != mixed.image).any(axis=2)
        for box in cut:
            changed[box.slices] = False
        assert not changed.any()
        assert mixed.notes[0].startswith("saliencymix: box ")
        skipped = "step 1, randaugment, was not drawn (probability 0.7)"
        assert (skipped in result.notes) == (before is target)
        assert result.notes[1].startswith("step 3, cutout: ")
        order = [panel.title for panel in line.panels]
        assert order[-2:] == ["step 3: target's saliency", "result"]
        assert order.index("step 2: partner's saliency") < order.index("step 2 of target")


def test_operations_are_those_of_the_row(augcli: Augcli, tmp_path: Path) -> None:
    """What stands on the sheet is what the manifest of the same run says."""
    result = augcli("generate", SAMPLE_DATA, tmp_path / "o", "-r", "randaugment", "--seed", 3)
    assert result.returncode == 0, result.stderr
    rows = [json.loads(row) for row in (tmp_path / "o/train/metadata.jsonl").open()]
    of = {row["sample_id"]: json.loads(row["params"])["operations"] for row in rows}
    for line in preview(run_of(RandAugment(), tmp_path), 4).sheet.lines:
        (note,) = line.panels[-1].notes[1:]
        assert [part.split()[0] for part in note.split(", ")] == [
            operation[0] for operation in of[line.text[-1]]
        ]


def test_a_sheet_goes_on_without_images_that_cannot_be_read(augcli: Augcli, photos: Path) -> None:
    (photos / "ant/broken.png").write_bytes(b"no image")
    to = photos.parent / "sheet.png"
    for options in (("-r", "cutmix"), ("--all-recipes",)):
        result = augcli("preview", photos, *options, "-n", 100, "--to", to)
        assert result.returncode == 0, result.stderr
        assert "augcli: warning: ant/broken.png of SOURCE cannot be read" in result.stderr


def test_all_recipes_of_one_readable_image(augcli: Augcli, tmp_path: Path) -> None:
    """Recipes that need a partner have none, and say so."""
    source = tmp_path / "s"
    write_photo(source / "a/a.png", 1, 30, 20)
    for name in "bcde":
        (source / f"a/{name}.png").write_bytes(b"no image")
    listing = list_source(source)
    runs = [
        make_run(listing, Pipeline(recipe.name, (Step(recipe),)), tmp_path)
        for recipe in (CutMix(), Cutout())
    ]
    (line,) = preview_recipes(runs, 3).sheet.lines
    assert [panel.title for panel in line.panels] == ["target: a", "cutmix", "cutout"]
    assert line.panels[1].notes == ("no partner that can be read was found for it (--pair any)",)
    assert line.panels[2].notes[0] == "a 100 %"
    result = augcli("preview", source, "--all-recipes", "--to", tmp_path / "s.png")
    assert result.returncode == 0, result.stderr
