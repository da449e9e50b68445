"""What nothing uses is refused on the command line, and passed over where it is shared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from augcli.cli.app import app
from augcli.data.source_options import SourceOptions
from augcli.tasks.unused import RULES
from tests.conftest import SAMPLE_DATA, Augcli
from tests.helpers.commands import every_command

MODEL = str(SAMPLE_DATA / "classifier.onnx")
GRADIENT = ("-r", "cutout", "--keep", "--saliency", "gradient", "--model", MODEL)
CHAIN = "--recipe-file=chain.toml"
IN_FILE = "beside --recipe-file; write it into that file."
NO_CLASSIFIER = (
    "where no classifier is used; add --saliency gradient, gradcam or feature-map, or leave it out."
)
ONE_IMAGE = "with recipe flip, which makes an output of one image; leave it out."
OWN_SIZE = "with recipe flip, which leaves an image its own size; add --size, or leave it out."
NO_LIST = "unless SOURCE is -, a list of paths on standard input; leave it out."
NO_LABELS = "with --unlabelled, which reads no labels; leave one of them out."
NOT_AGAIN = "unless outputs are made again; add --replay or --repair, or leave it out."
NO_TARS = "unless outputs are kept in tars; add --output-format webdataset, or leave it out."
BY_ID = (
    "unless outputs are files in folders: samples in tars are called by their ids; leave it out."
)
NOT_REMOVED = "unless maps are removed; write `augcli cache clean` before it."
PUTS_NOTHING_BACK = (
    "with recipe cutout, of which --keep only chooses what is covered, and puts nothing back;"
    " leave it out."
)
NO_SALIENCY = "with recipe flip, which looks for no saliency; add --keep, or leave it out."
LOSSLESS = "with --format png, which loses nothing; leave it out."
EVERY = (
    "beside --all-recipes, which draws every recipe with its own defaults; leave out one of them."
)

# What is given, the option without effect, its value, and why it has none.
NO_MAPS = (
    "with recipe flip, which looks for no saliency; leave it out, or add --keep and --saliency"
    " gradient, gradcam or feature-map."
)
CASES: list[tuple[str, str, tuple[str, ...], tuple[str, ...], str]] = [
    ("generate", "recipe", (CHAIN,), ("flip",), "beside --recipe-file; give one of them."),
    ("generate", "set", (CHAIN,), ("alpha=1",), IN_FILE),
    ("generate", "keep", (CHAIN,), (), IN_FILE),
    ("generate", "tau", (CHAIN,), ("0.5",), IN_FILE),
    ("generate", "keep-size", (CHAIN,), ("0.5",), IN_FILE),
    ("generate", "saliency", (CHAIN,), ("gradient",), IN_FILE),
    ("generate", "saliency-size", (CHAIN,), ("64",), IN_FILE),
    ("generate", "tau", ("-r", "flip"), ("0.5",), "without --keep; add that."),
    ("generate", "keep-size", ("-r", "flip"), ("0.5",), "without --keep; add that."),
    ("generate", "keep-candidates", ("-r", "flip"), ("inside",), "without --keep; add that."),
    ("generate", "keep-candidates", (CHAIN,), ("inside",), IN_FILE),
    ("generate", "keep-size", ("-r", "cutout", "--keep"), ("0.5",), PUTS_NOTHING_BACK),
    (
        "generate",
        "saliency",
        ("-r", "saliencymix", "--set", "detector=fine-grained"),
        ("spectral-residual",),
        "beside --set detector, which says the same; give one of them.",
    ),
    (
        "generate",
        "saliency-size",
        ("-r", "saliencymix", "--set", "saliency-size=64"),
        ("32",),
        "beside --set saliency_size, which says the same; give one of them.",
    ),
    ("generate", "saliency", ("-r", "flip"), ("gradient",), NO_SALIENCY),
    ("generate", "saliency-size", ("-r", "flip"), ("64",), NO_SALIENCY),
    ("generate", "model", ("-r", "saliencymix"), (MODEL,), NO_CLASSIFIER),
    ("generate", "head", ("-r", "saliencymix"), ("logits",), NO_CLASSIFIER),
    ("generate", "layer", ("-r", "saliencymix"), ("relu2",), NO_CLASSIFIER),
    ("generate", "device", ("-r", "saliencymix"), ("cpu",), NO_CLASSIFIER),
    ("generate", "class-list", ("-r", "saliencymix"), ("names.txt",), NO_CLASSIFIER),
    ("generate", "target", ("-r", "saliencymix"), ("predicted",), NO_CLASSIFIER),
    ("generate", "saliency-cache", ("-r", "saliencymix"), ("none",), NO_CLASSIFIER),
    ("generate", "saliency-cache-size", ("-r", "saliencymix"), ("1G",), NO_CLASSIFIER),
    ("generate", "model-size", ("-r", "saliencymix"), ("32",), NO_CLASSIFIER),
    ("generate", "mean", ("-r", "saliencymix"), ("imagenet",), NO_CLASSIFIER),
    ("generate", "std", ("-r", "saliencymix"), ("imagenet",), NO_CLASSIFIER),
    ("generate", "scale", ("-r", "saliencymix"), ("255",), NO_CLASSIFIER),
    ("generate", "channel-order", ("-r", "saliencymix"), ("rgb",), NO_CLASSIFIER),
    (
        "generate",
        "layer",
        GRADIENT,
        ("relu2",),
        "with saliency 'gradient', which is looked for at the image itself; ask for gradcam or"
        " feature-map, or leave it out.",
    ),
    (
        "generate",
        "class-list",
        (*GRADIENT, "--target", "predicted"),
        ("names.txt",),
        "beside --target predicted, which asks for no class by name; give one of them.",
    ),
    ("generate", "labels-from", ("-r", "flip"), ("parent",), NO_LIST),
    ("generate", "labels-from", ("-r", "flip", "--unlabelled"), ("parent",), NO_LABELS),
    ("generate", "dense-labels", ("-r", "flip", "--unlabelled"), ("5",), NO_LABELS),
    (
        "generate",
        "copies",
        ("-r", "flip", "--per-class", "9"),
        ("2",),
        "beside --per-class, which counts the outputs itself; give one of them.",
    ),
    ("generate", "pair", ("-r", "flip"), ("any",), ONE_IMAGE),
    ("generate", "group-by", ("-r", "flip"), ("(ant|bee|cow)",), ONE_IMAGE),
    ("generate", "fit", ("-r", "flip"), ("contain",), OWN_SIZE),
    ("generate", "quality", ("-r", "flip", "--format", "png"), ("80",), LOSSLESS),
    (
        "generate",
        "chroma",
        ("-r", "flip", "--format", "webp"),
        ("4:2:0",),
        "on other formats than JPEG; leave it out.",
    ),
    (
        "generate",
        "progress",
        ("-r", "flip", "--quiet"),
        ("always",),
        "beside --quiet; give one of them.",
    ),
    ("preview", "recipe", ("--all-recipes",), ("flip",), EVERY),
    ("preview", "set", ("--all-recipes",), ("alpha=1",), EVERY),
    ("preview", "recipe-file", ("--all-recipes",), ("chain.toml",), EVERY),
    ("preview", "fit", ("-r", "flip"), ("contain",), OWN_SIZE),
    ("preview", "pair", ("-r", "flip"), ("any",), ONE_IMAGE),
    ("preview", "group-by", ("-r", "flip"), ("(ant|bee|cow)",), ONE_IMAGE),
    ("preview", "model", ("-r", "saliencymix"), (MODEL,), NO_CLASSIFIER),
    ("preview", "labels-from", ("-r", "flip"), ("parent",), NO_LIST),
    ("saliency", "model", (), (MODEL,), NO_CLASSIFIER),
    ("saliency", "labels-from", (), ("parent",), NO_LIST),
    ("model fit-head", "labels-from", (), ("parent",), NO_LIST),
    ("model fit-head", "progress", ("--quiet",), ("always",), "beside --quiet; give one of them."),
    (
        "generate",
        "saliency-cache-size",
        (*GRADIENT, "--saliency-cache", "none"),
        ("1G",),
        "beside --saliency-cache none, which keeps nothing; leave it out.",
    ),
    (
        "cache",
        "saliency-cache-size",
        ("clean",),
        ("1G",),
        "beside clean, which removes down to --to-size; give that, or leave it out.",
    ),
    ("generate", "shard-size", ("-r", "flip"), ("99",), NO_TARS),
    ("generate", "name", ("-r", "flip", "--output-format", "webdataset"), ("{source}",), BY_ID),
    (
        *("generate", "other-splits", ("-r", "flip", "--output-format", "webdataset"), ("link",)),
        "as link with --output-format webdataset, whose tars hold copies; give --other-splits"
        " copy.",
    ),
    ("cache", "older-than", (), ("30d",), NOT_REMOVED),
    ("cache", "to-size", (), ("1G",), NOT_REMOVED),
    ("verify", "workers", (), ("2",), NOT_AGAIN),
    ("verify", "max-seconds", (), ("9",), NOT_AGAIN),
    ("verify", "source", (), ("S",), NOT_AGAIN),
]
CASES += [
    (command, option, ("-r", "flip"), value, NO_MAPS)
    for command, option, _, value, why in CASES
    if why == NO_CLASSIFIER and command == "generate"
]
# Of these an error may say instead that one of two is to be given.
RIVALS = {"recipe", "copies", "progress", "recipe-file", "set"}
ARGUMENTS = {
    "generate": ("S", "O"),
    "preview": ("S",),
    "saliency": ("S", "O"),
    "model fit-head": (MODEL, "S", "--at", "relu2", "-o", "early.onnx"),
    "verify": ("O",),
    "cache": (),
}


@pytest.fixture
def folder(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: S is a source, chain.toml a recipe file."""
    place = tmp_path / "cwd"
    place.mkdir()
    photos.rename(place / "S")
    (place / "chain.toml").write_text('label_smoothing = 0.2\n[[steps]]\nrecipe = "flip"\n')
    (place / "names.txt").write_text("ant\nbee\ncow\n")
    monkeypatch.chdir(place)
    return place


def options() -> Iterator[tuple[str, Any]]:
    """Every parameter of every command, with the command's name."""
    for words, command in every_command().items():
        for parameter in command.params:
            yield words, parameter


@pytest.mark.parametrize(
    ("command", "option", "given", "value", "why"),
    CASES,
    ids=[f"{case[0]} --{case[1]} {' '.join(case[2])}"[:70] for case in CASES],
)
def test_an_option_without_effect_is_refused(
    folder: Path,
    command: str,
    option: str,
    given: tuple[str, ...],
    value: tuple[str, ...],
    why: str,
) -> None:
    from augcli.errors import UserError

    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError) as refused:
        app([*command.split(), *ARGUMENTS[command], *given, f"--{option}", *value])
    said = str(refused.value)
    excluded = option in RIVALS and f"--{option}" in said and said.endswith("give one of them.")
    assert excluded or said == f"--{option} has no effect {why}"
    assert sorted(folder.rglob("*")) == before, "before any work"


def test_every_rule_has_a_case() -> None:
    actual = {(case[1].replace("-", "_"), case[4].format(recipe="")) for case in CASES}
    for rule in RULES:
        for name in rule.options:
            name = {"moved": "source"}.get(name, name)
            starts = rule.where.partition("{")[0]
            assert any(n == name and why.startswith(starts) for n, why in actual), (
                name,
                rule.where,
            )


# What always has an effect, as far as the command line can know.
ALWAYS = {
    *("source", "out", "label_smoothing", "background", "max_pixels", "per_class", "seed", "size"),
    *(
        "format",
        "output_format",
        "include_originals",
        "memory",
        "max_errors",
        "resume",
        "overwrite",
    ),
    *("dry_run", "json", "quiet", "examples", "to", "all_recipes", "show", "map_format", "overlay"),
    *("replay", "repair", "file", "at", "output", "version", "deep"),
    # `SourceOptions.refuse_others` thinks of these.
    *(set(SourceOptions.model_fields) - {"group_by"}),
    *("multi_label", "unlabelled"),
}


def test_every_option_is_thought_of() -> None:
    ruled = {name for rule in RULES for name in rule.options}
    assert not ruled & ALWAYS
    new = {p.name for _, p in options()} - ruled - ALWAYS
    further = {"command", "action", "shown", "show_config_", "help_all"}
    further |= {"install_completion", "show_completion", "folder", "other"}
    assert not {name for name in new if not str(name).startswith("no_")} - further


def test_what_is_shared_is_passed_over(augcli: Augcli, folder: Path) -> None:
    """Each of these is refused on the command line, as the cases above show."""
    shared = {
        "tau": "0.5", "keep-size": "0.4", "saliency": "gradient", "saliency-size": "64",
        "model": MODEL, "layer": "relu2", "device": "cpu", "target": "predicted",
        "mean": "imagenet",
        "labels-from": "parent", "pair": "different-class", "fit": "contain", "quality": "80",
        "chroma": "4:2:0", "group-by": "none",
    }  # fmt: skip
    arguments = ("generate", "S", "O", "-r", "flip", "--format", "png", "--dry-run", "--json")
    env = {f"AUGCLI_{name.replace('-', '_').upper()}": value for name, value in shared.items()}
    result = augcli(*arguments, cwd=folder, env=env)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["outputs"] == 15
    (folder / "augcli.toml").write_text(
        "".join(f"{name} = '{value}'\n" for name, value in shared.items())
    )
    result = augcli(*arguments, cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")


def test_options_with_an_effect_are_taken(augcli: Augcli, folder: Path) -> None:
    """One for each rule, on the side where it does not hold."""
    source = ("generate", "S", "O", "--dry-run")
    for given in (
        ("-r", "cutmix", "--pair", "any", "--fit", "contain", "--quality", "80", "--chroma=4:2:0"),
        ("-r", "flip", "--size", "32", "--fit", "contain", "--format", "webp", "--quality", "80"),
        ("-r", "flip", "--format", "same", "--quality", "80", "--chroma", "4:2:0"),
        ("-r", "flip", "--keep", "--tau", "0.5", "--keep-size", "0.4", "--saliency-size", "32"),
        ("-r", "saliencymix", "--saliency", "spectral-residual", "--saliency-size", "32"),
        (CHAIN, "--label-smoothing", "0.1", "--progress", "never", "-k", "2"),
        (*GRADIENT, "--target", "predicted", "--saliency-cache", "none", "--device", "cpu"),
    ):
        result = augcli(*source, *given, cwd=folder)
        assert (result.returncode, result.stderr) == (0, ""), given


def test_no_smoothing_beside_a_recipe_file(augcli: Augcli, folder: Path) -> None:
    """--label-smoothing 0 is what it says, and so is the file's where nothing is said."""
    for given, smoothing in (((), 0.2), (("--label-smoothing", "0"), 0.0)):
        out = folder / f"out{smoothing}"
        assert augcli("generate", "S", out, CHAIN, *given, cwd=folder).returncode == 0
        assert json.loads((out / "run.json").read_text())["recipe"]["label_smoothing"] == smoothing
