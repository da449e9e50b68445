"""augcli inspect: what a source holds and how it is understood."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Augcli, write_photo


def fill(root: Path) -> Path:
    for name, seed, size in (
        ("train/ant/1.png", 1, (8, 6)),
        ("train/ant/2.png", 2, (8, 6)),
        ("train/bee/3.jpg", 3, (10, 4)),
        ("val/bee/4.png", 1, (8, 6)),  # equal to train/ant/1.png
        ("val/bee/5.png", 5, (8, 6)),
    ):
        write_photo(root / name, seed, *size)
    (root / "val/bee/6.jpg").write_bytes(b"no image")
    return root


def test_what_a_source_holds(augcli: Augcli, tmp_path: Path) -> None:
    root = fill(tmp_path / "photos")
    (root / "train/ant/7.psd").write_bytes(b"-")
    result = augcli("inspect", root, "--deep", "--json")
    assert result.returncode == 0
    values = json.loads(result.stdout)
    assert values.pop("bytes") == sum(
        p.stat().st_size for p in root.rglob("*") if p.is_file() and p.suffix != ".psd"
    )
    (unreadable,) = values.pop("unreadable")
    assert unreadable["path"] == "val/bee/6.jpg"
    (warning,) = values.pop("warnings")
    assert "7.psd" in warning
    assert warning in " ".join(result.stderr.split())
    assert values == {
        "source": str(root),
        "kind": "a folder with one folder a class",
        "classes": ["ant", "bee"],
        "splits": [
            {"name": "train", "images": 3, "counts": [2, 1]},
            {"name": "val", "images": 3, "counts": [0, 3]},
        ],
        "headers_read": 6,
        "sizes": [[8, 6, 4], [10, 4, 1]],
        "formats": {"PNG": 4, "JPEG": 1},
        "modes": {"RGB": 5},
        "duplicates": {
            "groups": 1,
            "images": 1,
            "across_classes": 1,
            "across_splits": 1,
            "first": [["train/ant/1.png", "val/bee/4.png"]],
        },
    }


def test_in_words(augcli: Augcli, tmp_path: Path) -> None:
    root = fill(tmp_path / "photos")
    lines = augcli("inspect", root, "--deep").stdout.splitlines()
    assert lines[1:3] == [
        "Split train: 3 images, to be augmented.",
        "Split val: 3 images, to be put into OUT unchanged.",
    ]
    assert lines[4:7] == [
        "    id  class    train      val",
        "     0  ant          2        0",
        "     1  bee          1        3",
    ]
    assert lines[8] == (
        "By the headers of all images: 8x6 (4), 10x4 (1); PNG (4), JPEG (1); RGB (5)."
    )
    assert lines[9].startswith("1 image of 6 cannot be read: val/bee/6.jpg (")
    assert lines[10] == (
        "1 image repeats another one's content, in 1 group: train/ant/1.png = val/bee/4.png."
    )


def test_a_large_source_is_sampled(augcli: Augcli, tmp_path: Path) -> None:
    write_photo(tmp_path / "one.png", 1, 8, 8)
    data = (tmp_path / "one.png").read_bytes()
    for number in range(30):
        for image in range(20):
            path = tmp_path / f"photos/class {number:02}/{image}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    text = augcli("inspect", tmp_path / "photos").stdout
    assert "600 images of 30 classes" in text
    assert "   ...  10 more classes" in text
    assert "By the headers of 500 of 600 images: 8x8 (500); PNG (500); RGB (500)." in text
    assert text.endswith("With --deep all images are opened, and compared.\n")


def test_what_is_refused(augcli: Augcli, tmp_path: Path) -> None:
    result = augcli("inspect", tmp_path / "none", "--json")
    assert result.returncode == 2
    assert "does not exist" in json.loads(result.stdout)["error"]["message"]
