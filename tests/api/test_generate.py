"""`augcli.generate` makes the bytes of the command, and behaves as Python expects."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import augcli
from augcli.api import generate as api
from augcli.api.keywords import GenerateKeywords
from augcli.api.values import AugcliWarning, in_python, types_of
from augcli.engine.executors.pool import Pool
from augcli.tasks.limits import LIMITS
from tests.conftest import ROOT, Augcli, tree


def without_times(out: Path) -> dict[str, Any]:
    run = json.loads((out / "run.json").read_text())
    return {key: value for key, value in run.items() if key not in ("timings", "command")}


BOTH = [
    (
        ["-r", "saliencymix", "--keep", "--size", "32x24", "--set", "alpha=0.5", "--format", "png"],
        {
            "recipe": "saliencymix",
            "keep": True,
            "size": (32, 24),
            "set": {"alpha": 0.5},
            "format": "png",
        },
    ),
    (
        ["-r", "cutmix", "--per-class", "7", "--group-by", r"\d", "--seed", "5"],
        {"recipe": "cutmix", "per_class": 7, "group_by": r"\d", "seed": 5},
    ),
    (
        ["-r", "flip", "--classes-exclude", "b*", "--include-originals", "copy", "--limit", "4"],
        {"recipe": "flip", "classes_exclude": "b*", "include_originals": "copy", "limit": 4},
    ),
]


@pytest.mark.parametrize(("words", "options"), BOTH, ids=["keep", "groups", "originals"])
def test_it_makes_the_bytes_of_the_command(
    augcli: Augcli, photos: Path, tmp_path: Path, words: list[str], options: Any
) -> None:
    result = augcli("generate", photos, tmp_path / "command", *words, "-j", 2)
    assert result.returncode == 0, result.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AugcliWarning)
        made = api.generate(photos, tmp_path / "api", workers=1, **options)
    assert tree(tmp_path / "api" / "train") == tree(tmp_path / "command" / "train")
    assert without_times(tmp_path / "api") == without_times(tmp_path / "command")
    assert made.path == tmp_path / "api"
    assert made.outputs == len((made.path / "train/metadata.jsonl").read_text().splitlines())
    assert (made.skipped, made.splits, made.resumed, made.was_complete) == (0, {}, False, False)


def test_it_takes_the_options_of_the_command() -> None:
    """With the same defaults, but for those that are about the terminal."""
    from augcli.cli.generate import generate as command

    app = typer.Typer()
    app.command()(command)
    parameters = {p.name: p for p in typer.main.get_command(app).params}
    of_command = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name is not None and not name.startswith(("no_", "show_", "install_"))
    }
    about_terminal = {"json", "quiet", "progress", "source", "out", "max_errors", "dry_run"}
    hints = types_of(*api.CHOICES)
    assert of_command.keys() - about_terminal == hints.keys()
    for name in hints.keys() - {"set"}:
        choice = next(one for one in api.CHOICES if name in one.__dataclass_fields__)
        assert getattr(choice(), name) == of_command[name], name
    known = GenerateKeywords.__annotations__.keys() | {"recipe", "labels_from"}
    assert known == hints.keys()  # labels_from is about standard input


def test_its_docstring_names_every_option() -> None:
    words = set(re.findall(r"\w+", str(augcli.generate.__doc__)))
    assert GenerateKeywords.__annotations__.keys() - words == set()


def test_numbers_have_the_bounds_of_the_command(photos: Path, tmp_path: Path) -> None:
    for name in LIMITS.keys() & types_of(*api.CHOICES).keys():
        least, most, _ = LIMITS[name]
        for value in (least - 1, most + 1, float("nan"), True, "1"):
            options: Any = {name: value}
            with pytest.raises(augcli.UserError, match=f"^{name}="):
                augcli.generate(photos, tmp_path / "out", "cutmix", **options)
    assert not (tmp_path / "out").exists()


WRONG = [
    ({"copies": 0}, "copies=0 is not from 1 to 1000000."),
    ({"copies": 1.0}, "copies=1.0 is not a whole number; give one from 1 to 1000000."),
    ({"keep": 1}, "keep=1 is neither True nor False."),
    ({"tau": 0.5}, "tau has no effect without keep=True; add that."),
    (
        {"pair": "same"},
        "pair='same' is unknown; give any, different-class, same-class or balanced.",
    ),
    (
        {"format": "jpge"},
        "format='jpge' is unknown (did you mean 'jpeg'?); give jpeg, png, webp or same.",
    ),
    (
        {"size": (0, 3)},
        "size=(0, 3) is not a size; write (width, height) in pixels, as in size=(224, 224).",
    ),
    ({"size": "3by4"}, "size 3by4 is not a size; write WIDTHxHEIGHT, as in 224x224."),
    (
        {"set": {"alfa": 1}},
        "Recipe cutmix has no option 'alfa' (did you mean 'alpha'?); `augcli recipes cutmix` shows"
        " its options.",
    ),
    (
        {"set": ["alpha=1"]},
        "set=['alpha=1'] is no dictionary of options; write it like set={'alpha': 0.4}.",
    ),
    (
        {"saliency": "gradiant", "keep": True},
        "There is no saliency detector 'gradiant' (did you mean 'gradient'?); give one of"
        " fine-grained, opencv-fine-grained, spectral-residual, gradient, gradcam or feature-map.",
    ),
    (
        {"saliency": "gradient", "keep": True},
        "saliency gradient needs a classifier; give model FILE.onnx.",
    ),
    (
        {"resume": True, "overwrite": True},
        "resume=True and overwrite=True exclude each other; give one of them.",
    ),
    (
        {"copies": 2, "per_class": 3},
        "copies has no effect beside per_class, which counts the outputs itself; give one of them.",
    ),
    (
        {"classes": "https://example.org/names.txt"},
        "classes https://example.org/names.txt is a URL, and only local paths are taken; download"
        " or mount it, and give the path of that.",
    ),
    ({"format": None}, "format=None is no value; leave format out for what is usual."),
    ({"background": "blu"}, "background blu is not a colour (did you mean 'blue'?); write it like"
     " '#ffffff' or white."),
    ({"multi_label": True, "unlabelled": True}, "multi_label=True says that images have labels, and"
     " unlabelled=True that they have none; give one of them."),
]  # fmt: skip


@pytest.mark.parametrize(("options", "sentence"), WRONG, ids=[str(one[0]) for one in WRONG])
def test_wrong_values_are_refused_before_any_work(
    photos: Path, tmp_path: Path, options: Any, sentence: str
) -> None:
    with pytest.raises(augcli.UserError) as refused:
        augcli.generate(photos, tmp_path / "out", "cutmix", **options)
    assert str(refused.value) == sentence
    assert not (tmp_path / "out").exists()


def test_an_unknown_option_is_a_type_error(photos: Path, tmp_path: Path) -> None:
    options: Any = {"per_clas": 3}
    with pytest.raises(TypeError, match=r"^generate\(\) got an unexpected keyword argument"
                       r" 'per_clas' \(did you mean 'per_class'\?\)$"):  # fmt: skip
        augcli.generate(photos, tmp_path / "out", "cutmix", **options)


def test_an_unknown_option_may_mean_a_parameter(photos: Path, tmp_path: Path) -> None:
    options: Any = {"max_error": 3}
    with pytest.raises(TypeError, match=r"'max_error' \(did you mean 'max_errors'\?\)$"):
        augcli.generate(photos, tmp_path / "out", "cutmix", **options)


def test_sources_and_recipes_that_are_none(photos: Path, tmp_path: Path) -> None:
    for source, recipe, beginning in (
        ("-", "cutmix", "source - is a list of paths on standard input, which only the command"),
        (3, "cutmix", "source=3 is no path; give text or a pathlib.Path."),
        (tmp_path / "none", "cutmix", f"SOURCE {tmp_path / 'none'} does not exist"),
        (photos, None, "No recipe is given; add recipe NAME (`augcli recipes` lists them)."),
        (photos, 3, "recipe=3 is neither the name of a recipe nor what load_recipe returned."),
        (photos, "cutmx", "There is no recipe 'cutmx' (did you mean 'cutmix'?)"),
    ):
        of_any_type: Any = (source, tmp_path / "out", recipe)
        with pytest.raises(augcli.UserError) as refused:
            augcli.generate(*of_any_type)
        assert str(refused.value).startswith(beginning)


def test_options_in_sentences_are_those_of_python() -> None:
    types = types_of(*api.CHOICES)
    for sentence, expected in (
        ("give --group-by, --keep or --per-class 3.", "give group_by, keep=True or per_class 3."),
        ("run the same command with --resume.", "run the same command with resume=True."),
        ("/data/--keep/x and a--keep stay, as --other.",) * 2,
    ):
        assert in_python(sentence, types) == expected


def test_nothing_is_printed_but_a_bar(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    augcli.generate(photos, tmp_path / "quiet", "flip")
    assert capfd.readouterr() == ("", "")
    augcli.generate(photos, tmp_path / "bar", "flip", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "15/15" in err


def test_warnings_are_those_of_python(photos: Path, tmp_path: Path) -> None:
    with pytest.warns(augcli.AugcliWarning) as issued:
        made = augcli.generate(
            photos, tmp_path / "out", "flip", size=(20, 20), include_originals="copy"
        )
    sentence = "the originals in OUT keep their own sizes, whatever size says."
    assert made.warnings == (sentence,)
    assert [str(one.message) for one in issued] == [sentence]
    assert issued[0].filename == __file__


def test_inputs_that_cannot_be_used_cost_themselves(photos: Path, tmp_path: Path) -> None:
    (photos / "ant" / "ant 0.jpg").write_bytes(b"no image")
    with pytest.warns(augcli.AugcliWarning, match="1 input skipped, see"):
        made = augcli.generate(photos, tmp_path / "out", "flip")
    assert (made.outputs, made.skipped) == (14, 1)
    with pytest.raises(augcli.RunFailed, match=r"^1 input skipped, max_errors is 0; see "):
        augcli.generate(photos, tmp_path / "strict", "flip", max_errors=0)
    assert tree(tmp_path / "strict" / "train") == tree(tmp_path / "out" / "train")


def test_ctrl_c_leaves_an_out_that_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = augcli.generate(photos, tmp_path / "whole", "cutmix", copies=12, workers=2)
    reports = Pool.reports

    def interrupted(self: Pool[Any, Any]) -> Iterator[Any]:
        for report in reports(self):
            yield report
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Pool, "reports", interrupted)
    with pytest.raises(KeyboardInterrupt):
        augcli.generate(photos, tmp_path / "out", "cutmix", copies=12, workers=2)
    monkeypatch.setattr(Pool, "reports", reports)
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (tmp_path / "out" / "run.json").exists()
    with pytest.raises(augcli.UserError, match="resume=True"):
        augcli.generate(photos, tmp_path / "out", "cutmix", copies=12)
    made = augcli.generate(photos, tmp_path / "out", "cutmix", copies=12, resume=True)
    assert made.resumed
    assert tree(tmp_path / "out" / "train") == tree(whole.path / "train")
    again = augcli.generate(photos, tmp_path / "out", "cutmix", copies=12, resume=True)
    assert again.was_complete


SCRIPT = """
import sys, threading, augcli
from augcli import processes

print("script", processes.start_context().get_start_method())
made = []

def make():
    print("thread", processes.start_context().get_start_method())
    made.append(augcli.generate(sys.argv[1], sys.argv[2], recipe="cutmix", workers=2))

thread = threading.Thread(target=make)
thread.start()
thread.join()
print(made[0].outputs, "made")
"""


def test_a_thread_of_a_script_without_a_guard(photos: Path, tmp_path: Path) -> None:
    """Workers of a process with threads are fresh interpreters, which do not run the script."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    result = subprocess.run(
        [sys.executable, "-W", "error", script, photos, tmp_path / "out"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    alone = "fork" if sys.platform.startswith("linux") else "spawn"
    assert result.stdout.splitlines() == [f"script {alone}", "thread spawn", "15 made"]
    assert result.stderr == ""
    augcli.generate(photos, tmp_path / "here", "cutmix")
    assert tree(tmp_path / "out" / "train") == tree(tmp_path / "here" / "train")
