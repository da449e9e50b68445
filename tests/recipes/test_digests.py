"""Digests name outputs and key their random numbers: they change with what is made, and with
nothing else. The values below are those of the first version, for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.arrays.seeds import output_id
from augcli.data.listing import sample_id
from augcli.enums import Candidates
from augcli.pipeline.keep import Keep
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.pipeline.recipefile import read_recipe_file
from augcli.recipes.catalogue import build_recipe, recipe_names
from augcli.recipes.cutmix import CutMix

# The digests of each recipe with its default options: by itself, and inside KeepAugment.
DIGESTS = {
    "augmix": ("a0681576395225d4", "4d62c880914c4260"),
    "autoaugment": ("fc867fe4e3bfbff6", "185a31bc18e81300"),
    "autocontrast": ("6882dc5cda23ed43", "bc79faf510e061fb"),
    "brightness": ("df381de93c646a27", "8b6d138cc66313b2"),
    "channel_dropout": ("5d6fcb85de208da3", "4a4a4ec228e0ad77"),
    "color": ("e42c89ee3715654f", "691f40584880f947"),
    "color_jitter": ("64e72f342ffcf24e", "76db96da422cb7e9"),
    "contrast": ("f5e4c698750247da", "6a480090c8c71969"),
    "corrupt": ("024c64c5cc7a54d1", "dcd4bdd40f2a2c41"),
    "crop": ("988aec728ac5ad22", "d6eb8071c5945675"),
    "cutmix": ("4c56cfcfe3565994", "938e8e35925593ef"),
    "cutout": ("4ec24a858aaaea44", "5fa97fe50d0e5731"),
    "elastic": ("c956d180eb331557", "e0de751d3d875b7d"),
    "equalize": ("2c150d45311cc7de", "9efa41542658cae5"),
    "fast_autoaugment": ("c42a0de9bb917c97", "f72b30206ef04bca"),
    "flip": ("14e7fefc582445c7", "e47df42c1a51b22d"),
    "fmix": ("63608929d3f5ebc3", "49c504724ab5b83e"),
    "invert": ("450100c8389e4981", "00ce295c825a946f"),
    "mixup": ("8c7d72d4c72c3f86", "02b413fc4f8b78cf"),
    "pixel_dropout": ("366b53ea5b421da1", "db43f561ec5ea027"),
    "posterize": ("6896efdb78ea667e", "925b1fcbf4e16232"),
    "randaugment": ("384a8d46e0e43ed4", "b3f3337a975468ce"),
    "random_erasing": ("310001a8602ae553", "f8e6779b848ba1af"),
    "ricap": ("9ed95d36f70e546b", "5eeb9efc10ee50a4"),
    "rotate": ("77888ce42ce32ea5", "55b65fdc0b5e73fc"),
    "saliencymix": ("37b3c283909d4720", "53540cd4d735bf4f"),
    "samplepairing": ("174004753773b24d", "ae457f0bbd56990e"),
    "sharpness": ("7e3341396c91342f", "a247ee876ce0698a"),
    "shear": ("ef67674c9d9c5365", "58b43658145e0475"),
    "solarize": ("d12d71f1b058bbbc", "bcc94310f6516393"),
    "translate": ("b503c079432afb2d", "e39b258c229dd9ef"),
    "trivialaugment": ("4490f911cf33a770", "2dadeec40d784da3"),
}

FILES = {
    "chain": """
        label_smoothing = 0.1
        [[steps]]
        recipe = "randaugment"
        [[steps]]
        recipe = "mixup"
        probability = 0.8
    """,
    "choice": """
        [[steps]]
        one_of = [{ recipe = "saliencymix", weight = 2 }, { recipe = "mixup", alpha = 0.4 }]
    """,
    "by class": """
        [[steps]]
        recipe = "cutout"
        keep = { candidates = "inside" }
        [classes.cat.cutout]
        length = 8
    """,
    "triplet": """
        [[steps]]
        recipe = "augmix"
        views = 2
    """,
}


# KeepAugment as it was before `candidates`.
INSIDE = Keep(candidates=Candidates.inside)


def plain(name: str, keep: Keep | None = None) -> Pipeline:
    return Pipeline(name, (Step(build_recipe(name, {}), keep=keep),))


def id_of_an_output(pipeline: Pipeline, view: str = "aug1") -> str:
    return output_id(7, pipeline.digest(), sample_id(b"cat/eye.jpg"), 1, view)


def test_every_recipe_is_here() -> None:
    assert sorted(DIGESTS) == recipe_names()


@pytest.mark.parametrize("name", recipe_names())
def test_the_digest_of_a_recipe_stays(name: str) -> None:
    assert (plain(name).digest(), plain(name, INSIDE).digest()) == DIGESTS[name]


def test_the_ids_of_outputs_stay() -> None:
    assert id_of_an_output(plain("cutmix")) == "06157b710b29a618"
    assert id_of_an_output(plain("cutmix", INSIDE)) == "98a24b3e568d40d3"


@pytest.mark.parametrize(
    ("kind", "digest", "first_id", "second_id"),
    [
        ("chain", "dc6507557a24c008", "e82f97ae9cefdfb3", "cc6ee60e133c98ff"),
        ("choice", "e80ae9c46fe980b5", "d5323bd42ea2ffdf", "ddd0b56e0e8b6724"),
        ("by class", "172f30a1b1f44add", "91a49241b9887a66", "ad90fcc9d4527510"),
        ("triplet", "17bfc9c6e385b04a", "de27dfbc0704fe3a", "6dbbf7a23b3e0071"),
    ],
)
def test_the_digest_of_a_recipe_file_stays(
    kind: str, digest: str, first_id: str, second_id: str, tmp_path: Path
) -> None:
    """It is that of a file that is called like its recipes, as in `cutout.toml`, `a+b.toml`."""
    recipes = {
        "chain": "randaugment+mixup", "choice": "saliencymix+mixup", "by class": "cutout",
        "triplet": "augmix",
    }  # fmt: skip
    file = tmp_path / f"{recipes[kind]}.toml"
    file.write_text(FILES[kind])
    pipeline = read_recipe_file(file)
    assert pipeline.digest() == digest
    assert id_of_an_output(pipeline) == first_id
    assert id_of_an_output(pipeline, "aug2") == second_id


@pytest.mark.parametrize("kind", FILES)
def test_what_only_names_a_recipe_file_leaves_its_digest_alone(kind: str, tmp_path: Path) -> None:
    """The file's name and folder, `name`, comments, white space, and the order of keys."""
    (tmp_path / "folder").mkdir()
    first, second = tmp_path / "a.toml", tmp_path / "folder/b é.toml"
    first.write_text(FILES[kind])
    second.write_text(f'# a comment\nname = "mine"\n{FILES[kind]}\n# another', encoding="utf-8")
    pipelines = [read_recipe_file(first), read_recipe_file(second)]
    assert [pipeline.name for pipeline in pipelines] == ["a", "mine"]
    assert len({pipeline.digest() for pipeline in pipelines}) == 1


def test_the_order_of_keys_and_the_spelling_leave_the_digest_alone(tmp_path: Path) -> None:
    spelled = [
        '[[steps]]\nrecipe = "random_erasing"\nfill = "black"\nprobability = 1\n',
        '[[steps]]\nprobability = 1.0\nfill = "black"\nrecipe = "random-erasing"\n',
        'steps = [{ fill = "black", "recipe" = "random_erasing", probability = 1 }]\n',
        '[[steps]]\none_of = [{ probability = 1, recipe = "random-erasing", fill = "black" }]\n',
    ]
    pipelines = []
    for number, text in enumerate(spelled):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        pipelines.append(read_recipe_file(file))
    pipelines += [
        Pipeline(name, (Step(build_recipe(name, {"probability": "1", "fill": "black"})),))
        for name in ("random_erasing", "random-erasing")
    ]
    assert len({pipeline.digest() for pipeline in pipelines}) == 1


class CutMixWithMore(CutMix):
    """CutMix of a later version."""

    softness: float = 0.0
    shape: str | None = None


class KeepWithMore(Keep):
    """KeepAugment of a later version."""

    rounds: int = 1


def test_the_digest_of_the_recipes_own_candidates() -> None:
    assert plain("cutmix", Keep()).digest() == "56fff1b936340426"


def test_an_option_that_is_added_later_leaves_digests_alone() -> None:
    def digest(recipe: CutMix, keep: Keep | None = None) -> str:
        return Pipeline("cutmix", (Step(recipe, keep=keep),)).digest()

    plainly, inside = DIGESTS["cutmix"]
    assert digest(CutMixWithMore()) == digest(CutMixWithMore(softness=0)) == plainly
    assert digest(CutMixWithMore(), KeepWithMore(candidates=Candidates.inside)) == inside
    others = [
        digest(CutMixWithMore(softness=0.5)),
        digest(CutMixWithMore(shape="round")),
        digest(CutMixWithMore(), KeepWithMore(candidates=Candidates.inside, rounds=2)),
    ]
    assert len({plainly, inside, *others}) == 5
