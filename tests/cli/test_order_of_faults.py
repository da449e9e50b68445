"""What is wrong with SOURCE comes before what is wrong with the place that is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, Augcli, write_photo

MODEL = ROOT / "sample_data/classifier.onnx"
COMMANDS = {
    "generate": ("generate", "{}", "taken", "-r", "flip"),
    "preview": ("preview", "{}", "-r", "flip", "--to", "taken/notes.png"),
    "preview without a folder": ("preview", "{}", "-r", "flip", "--to", "none/p.png"),
    "saliency": ("saliency", "{}", "taken", "--saliency", "spectral-residual"),
    "fit-head": ("model", "fit-head", MODEL, "{}", "--at", "relu2", "-o", "taken/notes.png"),
    "fit-head over the model": ("model", "fit-head", MODEL, "{}", "--at", "relu2", "-o", MODEL),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_source_comes_first(augcli: Augcli, photos: Path, tmp_path: Path, name: str) -> None:
    work = tmp_path / "work"
    (work / "taken").mkdir(parents=True)
    (work / "taken/notes.png").write_text("notes")
    for source, begins in (("nowhere", "SOURCE nowhere does not exist"), (str(photos), "")):
        words = [str(word).format(source) for word in COMMANDS[name]]
        result = augcli(*words, cwd=work)
        assert (result.returncode, result.stdout) == (2, "")
        if begins:
            assert result.stderr.startswith(f"augcli: {begins}")
        else:
            assert re.match(r"augcli: (OUT|--to|--output|taken/notes\.png) ", result.stderr)


def test_verify_says_what_may_be_meant(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    assert augcli("generate", photos, tmp_path / "out", "-r", "flip").returncode == 0
    photos.rename(tmp_path / "images")
    result = augcli("verify", tmp_path / "out", "--replay", "--source", tmp_path / "imges")
    assert result.returncode == 2
    assert result.stderr == (
        f"augcli: SOURCE {tmp_path}/imges does not exist (did you mean {tmp_path}/images?); say"
        " with --source where OUT's source is now.\n"
    )


@pytest.mark.parametrize(
    ("alone", "some"),
    [
        (["owl"], "owl of SOURCE s has one; add images, leave it out"),
        (["elk", "owl"], "elk and owl of SOURCE s have one; add images, leave them out"),
        (list("bcdef"), "b, c, d and 2 more of SOURCE s have one; add images, leave them out"),
    ],
)
def test_a_class_without_a_partner_in_it(
    augcli: Augcli, tmp_path: Path, alone: list[str], some: str
) -> None:
    work = tmp_path / "work"
    for name in ["cat", "cat", "dog", "dog", *alone]:
        number = len(list((work / "s" / name).glob("*")))
        write_photo(work / f"s/{name}/{number}.jpg", number, 24, 20)
    for command in (("generate", "s", "out"), ("preview", "s")):
        result = augcli(*command, "-r", "cutmix", "--pair", "same-class", cwd=work)
        assert result.returncode == 2
        assert result.stderr == (
            f"augcli: --pair same-class needs two images of each class, and {some} with"
            " --classes-exclude, or choose another --pair.\n"
        )
    leave_out = [word for name in alone for word in ("--classes-exclude", name)]
    words = ("generate", "s", "out", "-r", "cutmix", "--pair", "same-class", *leave_out)
    assert augcli(*words, cwd=work).returncode == 0


def test_one_image_is_counted_as_one(augcli: Augcli, tmp_path: Path) -> None:
    write_photo(tmp_path / "s/train/cat/1.jpg", 1, 24, 20)
    write_photo(tmp_path / "s/val/cat/2.jpg", 2, 24, 20)
    lines = augcli("inspect", tmp_path / "s").stdout.splitlines()
    assert lines[1:3] == [
        "Split train: 1 image, to be augmented.",
        "Split val: 1 image, to be put into OUT unchanged.",
    ]
    result = augcli("inspect", tmp_path / "s", "--split", "val")
    assert result.stderr.endswith("only the split val is read; train beside it is not.\n")
    assert "By the headers of the only image: 24x20 (1); JPEG (1); RGB (1)." in result.stdout
    (tmp_path / "s/val/cat/2.jpg").write_bytes(b"x")
    result = augcli("inspect", tmp_path / "s", "--split", "val")
    assert "\nThe only image cannot be read: val/cat/2.jpg (" in result.stdout
