"""`--multi-label`, `--label-separator` and `--unlabelled` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Augcli, write_photo


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Six images, and a table of their labels."""
    for number in range(6):
        write_photo(tmp_path / f"flat/{number}.jpg", number, 24, 20)
    labels = ["cat|dog", "", "dog", "cat", "fish|dog|cat", "fish"]
    rows = "".join(f"{number}.jpg,{label}\n" for number, label in enumerate(labels))
    (tmp_path / "flat/table.csv").write_text(f"path,label\n{rows}")
    return tmp_path / "flat"


MULTI = ("--multi-label", "--label-separator", "|")


def test_several_labels_an_image(augcli: Augcli, flat: Path, tmp_path: Path) -> None:
    table, out = flat / "table.csv", tmp_path / "out"
    told = augcli("inspect", table, *MULTI)
    assert (told.returncode, told.stderr) == (0, "")
    assert "6 images of 3 classes" in told.stdout
    assert "Multi-label: 2 images with several classes, 1 image with none.\n" in told.stdout
    facts = json.loads(augcli("inspect", table, *MULTI, "--json").stdout)
    assert facts["labels"] == "multi"
    assert facts["splits"] == [
        {"name": "", "images": 6, "counts": [3, 3, 2], "no_class": 1, "several": 2}
    ]
    made = augcli("generate", table, out, "-r", "mixup", *MULTI)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"6 images of 3 classes in {out}/train, labels in ")
    checked = augcli("verify", out, "--replay")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "6 rows and their files agree, 6 made again.\n"
    (out / "train/images").rename(tmp_path / "away")
    assert augcli("verify", out, "--repair").returncode == 0
    assert len(list((out / "train/images").iterdir())) == 6
    sheet = augcli("preview", out, "-r", "cutmix", "--multi-label")
    assert (sheet.returncode, sheet.stderr) == (0, "")
    assert augcli("saliency", table, tmp_path / "maps", *MULTI).returncode == 0
    row = json.loads((tmp_path / "maps/maps.jsonl").read_text().splitlines()[4])
    assert (row["label_ids"], row["label_weights"]) == ([2, 1, 0], [1.0, 1.0, 1.0])
    assert "class_name" not in row


def test_no_labels(augcli: Augcli, flat: Path, tmp_path: Path) -> None:
    (flat / "table.csv").unlink()
    out = tmp_path / "out"
    told = augcli("inspect", flat, "--unlabelled")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"{flat}: a folder of images; 6 images without labels, ")
    made = augcli("generate", flat, out, "-r", "randaugment", "--unlabelled")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"6 images without labels in {out}/train, rows in ")
    assert augcli("verify", out, "--replay").returncode == 0
    sheet = augcli("preview", flat, "--all-recipes", "-n", 1, "--unlabelled", "--json")
    assert (sheet.returncode, sheet.stderr) == (0, "")
    maps = augcli("saliency", flat, tmp_path / "maps", "--unlabelled")
    assert (maps.returncode, maps.stderr) == (0, "")
    assert "class_name" not in (tmp_path / "maps/maps.jsonl").read_text()
    refused = augcli("generate", flat, tmp_path / "other", "-r", "mixup", "--unlabelled")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"augcli: Recipe mixup mixes the labels of 2 images, and SOURCE {flat} has none"
        " (--unlabelled); choose a recipe for single images, as randaugment.\n"
    )
    assert not (tmp_path / "other").exists()


def test_a_list_on_standard_input(augcli: Augcli, flat: Path, tmp_path: Path) -> None:
    paths = "".join(f"{flat}/{number}.jpg\n" for number in range(6)).encode()
    out = tmp_path / "out"
    made = augcli("generate", "-", out, "-r", "flip", "--unlabelled", stdin=paths)
    assert (made.returncode, made.stderr) == (0, "")
    assert augcli("verify", out, "--replay").stdout.startswith("6 rows and their files agree, 6 ")
    (out / ".augcli/listed").unlink(missing_ok=True)
    assert augcli("verify", out, "--replay").returncode == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--multi-label", "--unlabelled"),
            "--multi-label says that images have labels, and --unlabelled that they have none; give"
            " one of them.",
        ),
        (("--multi-label", "--label-separator", ""), "--label-separator is empty; is a variable"),
        (("--label-separator", "|"), "--label-separator has no effect without --multi-label; add"),
        (("--unlabelled", "--label-column", "label"), "--label-column has no effect with --unlab"),
    ],
)  # fmt: skip
def test_options_that_contradict(
    augcli: Augcli, flat: Path, options: tuple[str, ...], sentence: str
) -> None:
    result = augcli("inspect", flat / "table.csv", *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"augcli: {sentence}")


def test_a_head_needs_one_class_an_image(augcli: Augcli, flat: Path, tmp_path: Path) -> None:
    model = Path(__file__).parents[2] / "sample_data/classifier.onnx"
    (tmp_path / "m.onnx").write_bytes(model.read_bytes())
    result = augcli("model", "fit-head", tmp_path / "m.onnx", flat / "table.csv", *MULTI,
                    "--at", "relu1", "--output", tmp_path / "h.onnx")  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == (
        "augcli: A head is fitted to one class an image; leave out --multi-label.\n"
    )
