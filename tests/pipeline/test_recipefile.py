"""Recipe files: what they resolve to, and how wrong ones are refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from augcli.errors import UserError
from augcli.pipeline.pipeline import Pipeline, Step, pipeline_of
from augcli.pipeline.recipefile import read_recipe_file
from augcli.recipes.cutmix import CutMix
from augcli.recipes.cutout import Cutout
from augcli.recipes.mixup import Mixup
from augcli.recipes.random_erasing import RandomErasing
from augcli.recipes.saliencymix import SaliencyMix

FULL = """
label_smoothing = 0.1

[[steps]]
recipe = "cutout"
length = 12
probability = 0.8

[[steps]]
probability = 0.5
one_of = [
    { recipe = "saliencymix", weight = 2 },
    { recipe = "mixup", alpha = 0.4 },
]

[classes.cat.mixup]
alpha = 1.0

[classes.dog.cutout]
probability = 0
fill = "black"
"""


def read(tmp_path: Path, text: str) -> Pipeline:
    file = tmp_path / "strong.toml"
    file.write_text(text)
    return read_recipe_file(file)


def test_a_file_resolves_to_its_steps(tmp_path: Path) -> None:
    def second(alpha: float) -> Step:
        return Step(SaliencyMix(), 0.5, (Mixup(alpha=alpha),), (2.0, 1.0))

    pipeline = read(tmp_path, FULL)
    assert pipeline == Pipeline(
        "strong",
        (Step(Cutout(length=12), 0.8), second(0.4)),
        0.1,
        {
            "cat": (Step(Cutout(length=12), 0.8), second(1.0)),
            "dog": (Step(Cutout(length=12, fill="black"), 0.0), second(0.4)),
        },
    )
    assert pipeline.sources == 2
    assert pipeline_of(pipeline.describe()) == pipeline


def test_a_recipes_own_probability_is_its_own(tmp_path: Path) -> None:
    pipeline = read(tmp_path, '[[steps]]\nrecipe = "random_erasing"\nprobability = 0.25\n')
    (step,) = pipeline.steps
    assert step.probability == 1.0
    assert step.recipe.model_dump()["probability"] == 0.25


def test_name_and_single_step(tmp_path: Path) -> None:
    pipeline = read(tmp_path, 'name = "mine"\n[[steps]]\nrecipe = "cutmix"\n')
    assert pipeline == Pipeline("mine", (Step(CutMix()),))
    assert pipeline.is_single


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = ?\n", r"strong.toml is not TOML: .*line 1"),
        ("name = 'x'\n", r"strong.toml: it has no \[\[steps\]\]"),
        ("stepz = 1\n", r"line 1: there is no key 'stepz' \(did you mean 'steps'\?\)"),
        ("[[steps]]\nn = 2\n", "line 1: step 1 has no recipe"),
        (
            "[[steps]]\nrecipe = 'cutmix'\n[[steps]]\nrecipe = 'cutmox'\n",
            r"line 4: there is no recipe 'cutmox' \(did you mean 'cutmix'\?\)",
        ),
        (
            "[[steps]]\nrecipe = 'mixup'\n\n[[steps]]\nrecipe = 'cutmix'\nalhpa = 1\n",
            r"line 6: recipe cutmix has no option 'alhpa' \(did you mean 'alpha'\?\)",
        ),
        (
            "[[steps]]\nrecipe = 'cutmix'\nalpha = -1\n",
            "line 3: option alpha=-1 of recipe cutmix is wrong: give a number >= 1e-06 and",
        ),
        (
            "[[steps]]\nrecipe = 'cutmix'\nprobability = 2\n",
            "line 3: probability is a number from 0 to 1, not 2",
        ),
        (
            "[[steps]]\none_of = [\n  { recipe = 'cutmix', weight = 0 },\n]\n",
            "line 3: weight is a number > 0 and <= 1000000, not 0",
        ),
        (
            "[[steps]]\none_of = [{ recipe = 'cutmix', probability = 1 }]\n",
            "line 2: probability stands at the step",
        ),
        (
            "[[steps]]\none_of = [{ recipe = 'cutmix' }]\nalpha = 1\n",
            "line 3: a step with one_of has no key 'alpha'",
        ),
        (
            "[[steps]]\nrecipe = 'cutmix'\nweight = 2\n",
            "line 3: weight stands inside one_of",
        ),
        (
            "steps = [\n  { recipe = 'cutout' },\n  { recipe = 'cutmix', alfa = 3 },\n]\n",
            r"line 3: recipe cutmix has no option 'alfa' \(did you mean 'alpha'\?\)",
        ),
        (
            "[[steps]]\nrecipe = 'cutout'\nkeep = { saliency = 'gradeint' }\n",
            r"line 3: keep's saliency=gradeint is wrong: .* \(did you mean 'gradient'\?\)",
        ),
        (
            "[[steps]]\nrecipe = 'saliencymix'\ndetector = 'spectral'\n",
            r"line 3: option detector=spectral .*\(did you mean 'spectral-residual'\?\)",
        ),
        ("[[steps]]\none_of = 3\n", "line 2: one_of is a list of tables"),
        ("label_smoothing = 'much'\n[[steps]]\nrecipe = 'cutmix'\n", "line 1: label_smoothing is"),
        (
            "[[steps]]\nrecipe = 'cutmix'\n[classes.cat.mixup]\nalpha = 1\n",
            "line 3: classes.cat changes 'mixup', which no step has",
        ),
        (
            "[[steps]]\nrecipe = 'cutmix'\n[classes.cat.cutmix]\nalpa = 1\n",
            r"line 4: recipe cutmix has no option 'alpa' \(did you mean 'alpha'\?\)",
        ),
        ("[[steps]]\nrecipe = 'cutmix'\n[classes]\ncat = 1\n", r"write \[classes.cat.RECIPE\]"),
        ("steps = " + "[" * 5000, "strong.toml is not TOML: it is nested too deeply"),
        ("label_smoothing = " + "9" * 5000, "is not TOML: an integer does not fit into 64 bits"),
        ("label_smoothing = 0x" + "f" * 5000, "an integer does not fit into 64 bits"),
        (".".join("a" * 5000) + " = 1", "a key has more than 64 parts"),
        ("label_smoothing = nan\n[[steps]]\nrecipe = 'cutmix'\n", "line 1: label_smoothing is a"),
        ("label_smoothing = 1979-05-27\n[[steps]]\nrecipe = 'cutmix'\n", "line 1: label_smoothing"),
        (
            "name = 1979-05-27\n[[steps]]\nrecipe = 'cutmix'\n",
            "line 1: name is text of at most 200",
        ),
        (
            f"name = '{'x' * 201}'\n[[steps]]\nrecipe = 'cutmix'\n",
            "line 1: name is text of at most",
        ),
        (
            "[[steps]]\none_of = [{ recipe = 'cutmix', weight = inf }]\n",
            "weight is a number > 0",
        ),
        (
            "[[steps]]\none_of = [{ recipe = 'cutmix', weight = 1e308 },\n"
            " { recipe = 'mixup', weight = 1e308 }]\n",
            "line 2: weight is a number > 0 and <= 1000000",
        ),
        ("[[steps]]\nrecipe = 'cutmix'\n" * 101, "line 1: it has 101 steps, and may have 100"),
        (
            "[[steps]]\nrecipe = 'cutmix'\n" * 100
            + "".join(f"[classes.c{n}.cutmix]\nalpha = 1\n" for n in range(1000)),
            "steps and classes come to 100100 recipes, and may to 100000",
        ),
        ("[[steps]]\nrecipe = '" + "x" * 9999 + "'\n", r"there is no recipe 'xxx.*xxx\.\.\.'\.$"),
        (
            "[[steps]]\nrecipe = 'cutmix'\n" + "y" * 9999 + " = 1\n",
            "recipe cutmix has no option 'y",
        ),
        ("[[steps]]\nrecipe = 'cutmix'\nalpha = '" + "\\n" * 999 + "'\n", "line 3: option alpha="),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        read(tmp_path, text)
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable()


def test_a_refusal_takes_no_longer_than_in_proportion_to_size(tmp_path: Path) -> None:
    """A line on which a key stands a hundred thousand times, and the value in other letters."""
    started = time.monotonic()
    text = '[[steps]]\nrecipe = "\\u0063utmox" #' + " recipe=" * 400_000 + "\n"
    with pytest.raises(UserError, match="there is no recipe 'cutmox'"):
        read(tmp_path, text)
    assert time.monotonic() - started < 20


def test_what_is_no_file_or_has_no_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for file in (tmp_path / "pipe.toml", Path("/dev/zero")):
        with pytest.raises(
            UserError, match=r"not a regular file; .* write what a pipe delivers to one"
        ):
            read_recipe_file(file)
    with pytest.raises(UserError, match="is a folder, not a file"):
        read_recipe_file(tmp_path)
    (tmp_path / "long.toml").write_bytes(b"")
    os.truncate(tmp_path / "long.toml", 1 << 33)
    with pytest.raises(UserError, match=r"long\.toml is larger than 4 MiB"):
        read_recipe_file(tmp_path / "long.toml")


def test_a_mark_at_the_beginning_other_encodings_and_other_names(tmp_path: Path) -> None:
    text = "[[steps]]\r\nrecipe = 'cutmix'\r\n"
    file = tmp_path / os.fsdecode(b"\xff\xc3\xa4.toml")
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_recipe_file(file) == Pipeline("\\xffä", (Step(CutMix()),))
    file.write_bytes(text.encode("utf-16"))
    with pytest.raises(UserError, match="is not TOML: it is in UTF-16 or UTF-32; save it in UTF-8"):
        read_recipe_file(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.toml does not exist; give the path of one\.$"):
        read_recipe_file(tmp_path / "none.toml")


def test_hyphens_may_stand_for_underscores(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    steps = '[[steps]]\nrecipe = "random-erasing"\n'
    file.write_text(steps + "[classes.cat.random-erasing]\nprobability = 0.25\n")
    pipeline = read_recipe_file(file)
    assert pipeline.steps == (Step(RandomErasing()),)
    assert pipeline.by_class == {"cat": (Step(RandomErasing(probability=0.25)),)}
    twice = "[classes.cat.random-erasing]\n[classes.cat.random_erasing]\n"
    file.write_text(steps + twice)
    with pytest.raises(UserError, match=r"classes\.cat changes 'random_erasing' twice"):
        read_recipe_file(file)
