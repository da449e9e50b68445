"""The sample photographs are what their README says."""

import re
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
ORIENTATION = 0x0112
ROW = re.compile(
    r"^\| `(?P<file>[^`]+)` \| (?P<original>\S+) \| \[(?P<window>[\d, ]+)\]"
    r" \| (?P<width>\d+)x(?P<height>\d+) \| (?P<peculiarity>.*?) ?\|$",
    re.MULTILINE,
)
ROWS = list(ROW.finditer((SAMPLE_DATA / "README.md").read_text(encoding="utf-8")))
FILES = sorted(path for path in SAMPLE_DATA.glob("*/*") if path.is_file())


def test_readme_lists_every_file_once() -> None:
    listed = sorted(row["file"] for row in ROWS)
    assert listed == sorted(path.relative_to(SAMPLE_DATA).as_posix() for path in FILES)


def test_five_classes_of_six_under_two_megabytes() -> None:
    classes = [path.parent.name for path in FILES]
    assert {name: classes.count(name) for name in classes} == dict.fromkeys(
        ["cat", "coffee", "flower", "rocket", "temple"], 6
    )
    assert sum(path.stat().st_size for path in FILES) < 2_000_000


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_file_is_as_listed(row: re.Match[str]) -> None:
    peculiarity = row["peculiarity"]
    with Image.open(SAMPLE_DATA / row["file"]) as image:
        exif = dict(image.getexif())
        # JPEG segments; a PNG's further chunks show in `info`.
        if isinstance(image, JpegImageFile):
            extras = [name for name, _ in image.applist]
        else:
            extras = [str(key) for key in image.info]
        upright = ImageOps.exif_transpose(image)
    mode = "L" if "greyscale" in peculiarity else "RGBA" if "RGBA" in peculiarity else "RGB"
    assert upright.mode == mode
    assert upright.size == (int(row["width"]), int(row["height"]))
    assert exif == ({ORIENTATION: 6} if "EXIF" in peculiarity else {})
    expected = ["APP0"] if row["file"].endswith(".jpg") else []
    assert extras == expected + (["APP1"] if "EXIF" in peculiarity else [])

    top, left, bottom, right = (int(edge) for edge in row["window"].split(","))
    assert upright.width / (right - left) == pytest.approx(
        upright.height / (bottom - top), abs=0.005
    )


def test_one_file_of_each_peculiarity() -> None:
    for word in ("greyscale", "EXIF orientation", "RGBA"):
        assert sum(word in row["peculiarity"] for row in ROWS) == 1


def test_cutout_has_a_soft_edge() -> None:
    with Image.open(SAMPLE_DATA / "flower" / "cutout.png") as image:
        histogram = image.getchannel("A").histogram()
    pixels = sum(histogram)
    assert histogram[0] > 0.3 * pixels
    assert histogram[255] > 0.3 * pixels
    assert sum(histogram[1:255]) > 0.02 * pixels
