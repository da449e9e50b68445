"""Values that are nearly right: taken where they are clear, else refused with what to write."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from augcli.cli.app import run
from augcli.cli.near_numbers import number_meant
from augcli.errors import UserError
from augcli.tasks.sizes import parse_colour
from tests.conftest import ROOT, Augcli, write_photo

MODEL = ROOT / "sample_data/classifier.onnx"
GRADIENT = f"-r saliencymix --saliency gradient --model {MODEL} --saliency-cache none"
WHOLE = "is not a whole number; write"
REFUSED = {
    "-r flip --size 224,200": "--size 224,200 is not a size; write 224x200.",
    "-r flip --size '224 200'": "--size 224 200 is not a size; write 224x200.",
    "-r flip --size '224 x 200'": "--size 224 x 200 is not a size; write 224x200.",
    "-r flip --size '(224, 200)'": "--size (224, 200) is not a size; write 224x200.",
    "-r flip --size '224×200'": "--size 224×200 is not a size; write 224x200.",
    "-r flip --size 50%": "--size 50% is not a size; write WIDTHxHEIGHT, as in 224x224.",
    "-r flip -k 1e3": f"--copies 1e3 {WHOLE} 1000, or a whole number from 1 to 1000000.",
    "-r flip -k 10k": f"--copies 10k {WHOLE} 10000, or a whole number from 1 to 1000000.",
    "-r flip -k 1,000": f"--copies 1,000 {WHOLE} 1000, or a whole number from 1 to 1000000.",
    "-r flip -k 2.0": f"--copies 2.0 {WHOLE} 2, or a whole number from 1 to 1000000.",
    "-r flip -k -1": "--copies -1 is less than 1; give a number from 1 to 1000000.",
    "-r flip --quality 0.9": f"--quality 0.9 {WHOLE} 90, or a whole number from 1 to 100.",
    "-r flip --quality 90%": f"--quality 90% {WHOLE} 90, or a whole number from 1 to 100.",
    "-r flip --memory 4G": f"--memory 4G {WHOLE} 4096, or a whole number from 16 to 134217728.",
    "-r flip --max-seconds 1m": (
        "--max-seconds 1m is not a number; write 60, or a number from 0.1 to 1000000."
    ),
    "-r flip --label-smoothing 10%": (
        "--label-smoothing 10% is not a number; write 0.1, or a number from 0 to 1."
    ),
    "-r flip --keep --tau 60": "--tau 60 is more than 1; give a number from 0 to 1.",
    "-r flip --workers 0": "--workers 0 is less than 1; give a number from 1 to 1024.",
    "-r flip --workers auto": (
        "--workers auto is not a whole number; leave it out for what is usual, or give a whole"
        " number from 1 to 1024."
    ),
    "-r flip --seed -1": "--seed -1 is less than 0; give a number from 0 to 9223372036854775807.",
    "-r flip --seed abc": (
        "--seed abc is not a whole number; give a whole number from 0 to 9223372036854775807."
    ),
    "-r flip --background fff": "--background fff is not a colour; write '#fff'.",
    "-r flip --background whit": (
        "--background whit is not a colour (did you mean 'white'?); write it like '#ffffff' or"
        " white."
    ),
    "-r flip --background '#ffffff00'": (
        "--background #ffffff00 is not an opaque colour; write it like '#ffffff'."
    ),
    "-r flip --size 9 --fit crop": (
        "--fit crop is unknown (did you mean 'cover'?); give cover, contain or stretch."
    ),
    "-r flip --size 9 --fit pad": (
        "--fit pad is unknown (did you mean 'contain'?); give cover, contain or stretch."
    ),
    "-r mixup --pair same": (
        "--pair same is unknown (did you mean 'same-class'?); give any, different-class, same-class"
        " or balanced."
    ),
    "-r flip --include-originals yes": (
        "--include-originals yes is unknown (did you mean 'copy'?); give none, copy or link."
    ),
    "-r flip --progress off": (
        "--progress off is unknown (did you mean 'never'?); give auto, always or never."
    ),
    "-r flip --classes a": (
        "--classes a does not exist; give a file that names the classes, one a line"
        " (--classes-include chooses classes)."
    ),
    "-r flip --classes-include a,b": (
        "--classes-include a,b fits no class of SOURCE S; write --classes-include a"
        " --classes-include b."
    ),
    "-r saliencymix --saliency gradient --model resnet50": (
        "--model resnet50 does not exist; give the file of a classifier that is exported to ONNX."
    ),
    "-r saliencymix --saliency gradient --model net.pt": (
        "--model net.pt is not an ONNX file by its name; export the classifier to ONNX, and give"
        " that."
    ),
    "-r mixup --set alpha=0.4,p=0.5": (
        "--set alpha=0.4,p=0.5 holds several settings, and takes one; write --set alpha=0.4 --set"
        " probability=0.5."
    ),
    "-r mixup --set 'alpha=0.4 p=0.5'": (
        "--set alpha=0.4 p=0.5 holds several settings, and takes one; write --set alpha=0.4 --set"
        " probability=0.5."
    ),
    "-r mixup --set alpha:0.4": "--set alpha:0.4 is not key=value; write --set alpha=0.4.",
    "-r mixup --set 'alpha 0.4'": "--set alpha 0.4 is not key=value; write --set alpha=0.4.",
}
TAKEN = (
    "-r flip --format JPG",
    "-r flip --format .jpg",
    "-r flip --size 224x224",
    "-r flip --size 224 --fit stretch",
    "-r flip --background white",
    "-r flip --background '#fff'",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_photo(tmp_path / "S/a/1.png", 1, 20, 20)
    write_photo(tmp_path / "S/b/1.png", 2, 20, 20)
    (tmp_path / "net.pt").write_bytes(b"PK")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("options", REFUSED)
@pytest.mark.usefixtures("folder")
def test_refused(capfd: pytest.CaptureFixture[str], options: str) -> None:
    assert run(["generate", "S", "O", "--dry-run", *shlex.split(options)]) == 2
    assert capfd.readouterr().err == f"augcli: {REFUSED[options]}\n"


@pytest.mark.parametrize("options", TAKEN)
@pytest.mark.usefixtures("folder")
def test_taken(options: str) -> None:
    assert run(["generate", "S", "O", "--dry-run", *shlex.split(options)]) == 0


@pytest.mark.parametrize("device", ["gpu", "GPU", "cuda:0", "cuda"])
@pytest.mark.usefixtures("folder")
def test_a_gpu_by_other_names(capfd: pytest.CaptureFixture[str], device: str) -> None:
    words = shlex.split(f"generate S O --show-config --json {GRADIENT} --device {device}")
    assert run(words) == 0
    assert json.loads(capfd.readouterr().out)["options"]["device"]["value"] == "cuda"


def test_colours() -> None:
    for text in ("#ffffff", "#fff", "white", "WHITE", "rgb(255, 255, 255)"):
        assert parse_colour(text) == (255, 255, 255)
    assert parse_colour("#102030") == (16, 32, 48)
    for text in ("", "#ffff", "rgb(300,0,0)", "#12345", "x" * 10_000):
        with pytest.raises(UserError, match="colour"):
            parse_colour(text)


def test_a_named_background_is_the_same_job(augcli: Augcli, folder: Path) -> None:
    for out, colour in (("A", "red"), ("B", "#ff0000")):
        words = ("generate", "S", out, "-r", "flip", "--background", colour, "-q")
        assert augcli(*words, cwd=folder).returncode == 0
    first, second = (json.loads((folder / out / "run.json").read_text()) for out in "AB")
    assert first["background"] == second["background"]
    assert (folder / "A/train/metadata.jsonl").read_bytes() == (
        folder / "B/train/metadata.jsonl"
    ).read_bytes()


@pytest.mark.parametrize(
    ("text", "metavar", "whole", "most", "number"),
    [
        ("1.5k", "N", True, 10_000, 1500), ("2M", "N", True, 10**7, 2_000_000),
        ("1.000", "N", True, 100, 1), ("2.5", "N", True, 100, None), ("5x", "N", True, 99, 5),
        ("10%", "N", True, 1000, None), ("10%", "SHARE", False, 1, 0.1),
        ("0,5", "SHARE", False, 1, 0.5), ("1,5", "SHARE", False, 1, None),
        ("512MB", "MIB", True, 9999, 512), ("1GiB", "MIB", True, 9999, 1024),
        ("2h", "SECONDS", False, 9999, 7200), ("4000x3000", "N", True, 10**9, 12_000_000),
        ("1e999", "N", True, 10**9, None), ("9" * 99, "N", True, 9, None), ("", "N", True, 9, None),
        ("..k", "N", True, 9, None), ("two", "N", True, 9, None),
    ],
)  # fmt: skip
def test_numbers(text: str, metavar: str, whole: bool, most: int, number: float | None) -> None:
    assert number_meant(text, metavar, whole=whole, least=0, most=most) == number


@pytest.mark.parametrize("option", ["--set alpha=0.5", "--keep", "--saliency-size 9"])
def test_options_of_a_recipe_beside_a_file_from_elsewhere(
    capfd: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    (folder / "s.toml").write_text("[[steps]]\nrecipe = 'flip'\n")
    words = ["generate", "S", "O", *option.split()]
    name = option.split()[0]
    assert run([*words, "--recipe-file", "s.toml"]) == 2
    assert capfd.readouterr().err == (
        f"augcli: {name} has no effect beside --recipe-file; write it into that file.\n"
    )
    end = "; write it into that file, or give --recipe too.\n"
    monkeypatch.setenv("AUGCLI_RECIPE_FILE", "s.toml")
    assert run(words) == 2
    assert capfd.readouterr().err == (
        f"augcli: {name} has no effect beside AUGCLI_RECIPE_FILE{end}"
    )
    monkeypatch.delenv("AUGCLI_RECIPE_FILE")
    (folder / "augcli.toml").write_text("[generate]\nrecipe-file = 's.toml'\n")
    assert run(words) == 2
    assert capfd.readouterr().err == (
        f"augcli: {name} has no effect beside augcli.toml, table generate: recipe-file{end}"
    )


def test_the_label_mass_of_equal_classes(augcli: Augcli, folder: Path) -> None:
    words = ("generate", "S", "O", "-r", "mixup", "--per-class", 1, "--set", "probability=0")
    result = augcli(*words, cwd=folder)
    assert result.returncode == 0
    assert result.stdout.endswith(" s). The label mass of each class is 1.00.\n")
