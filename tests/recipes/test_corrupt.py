"""The recipe that draws corruptions: which, how strong, and what its options take."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.errors import BadValue, UserError
from augcli.operations.corruptions.overlay_files import read_overlay
from augcli.operations.corruptions.table import COMMON, CORRUPTIONS, EXTRA, corrupt
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.recipes.corrupt import Corrupt, Ice, Params
from augcli.recipes.names import find_recipe
from augcli.recipes.other_names import HINTS
from augcli.tasks.captions import explain_draw
from augcli.tasks.overlap import overlap_warning
from augcli.text import folded
from tests.conftest import Augcli, write_photo
from tests.helpers.single_images import KEPT, check, draws, p_between, p_uniform, photo, shown


def test_all_of_a_group_are_drawn_at_all_severities() -> None:
    drawn = draws(Corrupt(), (32, 40), 3000)
    assert p_uniform([params.corruption for params in drawn], 15) > KEPT
    assert {params.corruption for params in drawn} == {*COMMON}
    assert p_uniform([params.severity for params in drawn], 5) > KEPT
    assert {params.variant for params in drawn} == {"cifar"}
    extra = draws(Corrupt(corruption="extra", severity="2-4", variant="tiny"), (300, 400), 400)
    assert {params.corruption for params in extra} == {*EXTRA}
    assert {params.severity for params in extra} == {2, 3, 4}
    assert {params.variant for params in extra} == {"tiny"}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_all_shapes_and_replays(name: str) -> None:
    check(Corrupt(corruption=name), 2)


def test_angles_and_seeds() -> None:
    motion = draws(Corrupt(corruption="motion_blur"), (9, 9), 500)
    assert p_between([params.drawn["angle"] for params in motion], -45, 45) > KEPT
    snow = draws(Corrupt(corruption="snow"), (9, 9), 500)
    assert p_between([params.drawn["angle"] for params in snow], -135, -45) > KEPT
    assert p_between([params.drawn["seed"] for params in snow], 0, 2**63) > KEPT
    frost = Counter(p.drawn["overlay"] for p in draws(Corrupt(corruption="frost"), (9, 9), 500))
    assert frost.keys() == {0, 1, 2, 3, 4}
    assert {*draws(Corrupt(corruption="fog"), (9, 9), 1)[0].drawn} == {"seed"}
    assert draws(Corrupt(corruption="pixelate"), (9, 9), 1)[0].drawn == {}


def test_pixels_are_those_of_the_operation() -> None:
    image = photo((40, 50))
    params = Params("fog", 4, "imagenet", {"seed": 8})
    expected = corrupt(image, "fog", 4, {"seed": 8}, "imagenet")
    np.testing.assert_array_equal(shown(Corrupt(), image, params), expected)
    assert Corrupt().moves(params) is False
    assert Corrupt().moves(Params("elastic_transform", 1, "cifar", {"seed": 1})) is True


@pytest.mark.parametrize(
    ("given", "stands"),
    [
        ({"corruption": "snow,fog"}, {"corruption": "snow,fog"}),
        ({"corruption": "fog, Snow,fog"}, {"corruption": "snow,fog"}),
        ({"corruption": ["fog", "gaussian-noise"]}, {"corruption": "gaussian_noise,fog"}),
        ({"corruption": "saturate,spatter,speckle_noise,gaussian_blur"}, {"corruption": "extra"}),
        ({"corruption": "extra,common"}, {"corruption": "all"}),
        ({"severity": 3}, {"severity": "3"}),
        ({"severity": "2 - 4"}, {"severity": "2-4"}),
        ({"severity": "3-3"}, {"severity": "3"}),
    ],
)
def test_options_have_one_spelling(given: dict[str, Any], stands: dict[str, Any]) -> None:
    assert build_recipe("corrupt", given) == Corrupt(**stands)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"corruption": "sow"}, r"'sow' is no corruption \(did you mean 'snow'\?\); give names"),
        ({"corruption": ""}, "'' is no corruption"),
        ({"corruption": "fog,,snow"}, "'' is no corruption"),
        ({"severity": 0}, "give a severity from 1 to 5, or a range of them as 2-4"),
        ({"severity": "6"}, "give a severity from 1 to 5"),
        ({"severity": "4-2"}, "give a severity from 1 to 5"),
        ({"severity": 2.5}, "severity=2.5"),
        ({"severity": True}, "severity=True"),
        ({"variant": "mnist"}, "variant=mnist"),
        ({"frost": "/no/such/folder"}, "it cannot be read as a folder"),
    ],
)
def test_what_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        build_recipe("corrupt", given)
    assert "\n" not in str(refused.value)


def test_overlays_of_the_user_are_pinned_by_their_bytes(tmp_path: Path) -> None:
    for number in range(5):
        write_photo(tmp_path / f"frost{number}.png", number, 60, 50)
    recipe = Corrupt(corruption="frost", severity="5", frost=str(tmp_path))
    (params,) = draws(recipe, (32, 32), 1)
    file = tmp_path / f"frost{params.drawn['overlay']}.png"
    assert params.ice == Ice(str(file), read_overlay(file).sha256)
    image = photo((32, 32))
    write_photo(tmp_path / "small/4.png", 9, 31, 99)
    for number in range(4):
        write_photo(tmp_path / f"small/{number}.png", number, 60, 50)
    with pytest.raises(UserError, match=r"frost overlay .*4.png has fewer than 32 pixels a side"):
        build_recipe("corrupt", {"frost": str(tmp_path / "small")})
    first = shown(recipe, image, params)
    own = shown(recipe, image, Params("frost", 5, params.variant, params.drawn))
    assert (first != own).any()
    np.testing.assert_array_equal(shown(Corrupt(), image, params), first)
    write_photo(file, 99, 60, 50)
    read_overlay.cache_clear()
    with pytest.raises(BadValue, match="is another one than was drawn"):
        shown(recipe, image, params)
    file.unlink()
    read_overlay.cache_clear()
    with pytest.raises(BadValue, match=r"the frost overlay .*frost\d.png"):
        shown(recipe, image, params)


def test_what_a_sheet_says() -> None:
    params = {"corruption": "snow", "severity": 2, "variant": "tiny", "drawn": {"angle": -9.123}}
    assert explain_draw("corrupt", params, (9, 9)) == [
        "snow, severity 2, variant tiny",
        "at -9.12°",
    ]


def warned(name: str, **options: Any) -> str:
    return overlap_warning(Pipeline(name, (Step(build_recipe(name, options)),)))


def test_the_benchmarks_corruptions_are_warned_of() -> None:
    assert warned("corrupt", corruption="fog,saturate") == (
        "fog is a corruption by which ImageNet-C and CIFAR-C test: a classifier that learns from"
        " OUT is not to be measured on those; --set corruption=extra is apart from them."
    )
    assert warned("corrupt").startswith(
        "gaussian_noise, shot_noise, impulse_noise and 12 more are corruptions by which"
    )
    assert warned("elastic", variant="cifar-c").startswith("elastic_transform is a corruption")
    assert warned("corrupt", corruption="extra") == ""
    assert warned("elastic") == warned("cutmix") == ""


def test_generate_warns_once_and_replays(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("-r", "corrupt", "--set", "corruption=fog,snow", "--workers", 1)
    result = augcli("generate", photos, out, *options)
    assert (result.returncode, result.stderr.count("are corruptions by which")) == (0, 1)
    verified = augcli("verify", out, "--replay")
    assert (verified.returncode, "15 made again" in verified.stdout) == (0, True)
    quiet = augcli("generate", photos, tmp_path / "o", "-r", "corrupt", "--set", "corruption=extra")
    assert "corruptions by which" not in quiet.stderr


def test_every_corruption_is_known_by_its_own_name() -> None:
    for name in CORRUPTIONS:
        if find_recipe(name) is None and name != "elastic_transform":
            assert HINTS[folded(name)].option.endswith(f"--set corruption={name}")
