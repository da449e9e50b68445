"""The benchmark's own arithmetic and image sets. No time is asserted."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.benchmarks.floor import CHROMA, jpeg
from tests.benchmarks.image_sets import image_files, pack, repeat, shrink
from tests.benchmarks.measure import Failed, Memory, run
from tests.benchmarks.peers.images import read
from tests.benchmarks.plan import plan
from tests.benchmarks.report import (
    Record,
    comparison,
    joined,
    read_json,
    tables,
    write_json,
    write_section,
)
from tests.benchmarks.table import Floor, Row, recipe
from tests.conftest import SAMPLE_DATA

FLOOR = Path(__file__).with_name("floor.py")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return repeat(SAMPLE_DATA, 40, tmp_path / "images")


def test_images_repeat_under_new_names(images: Path) -> None:
    sources = image_files(SAMPLE_DATA)
    actual = image_files(images)
    assert len(actual) == 40
    contents = [path.read_bytes() for _, path in actual]
    assert set(contents) == {path.read_bytes() for _, path in sources}
    assert {name for name, _ in actual} == {name for name, _ in sources}


def test_an_image_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no class folders"):
        image_files(tmp_path)


def test_small_images_are_32_pixels_a_side(images: Path, tmp_path: Path) -> None:
    small = image_files(shrink(images, tmp_path / "small"))
    assert len(small) == 40
    assert {read(str(path)).shape for _, path in small} == {(32, 32, 3)}


def test_packed_images_are_those_of_the_folder(images: Path, tmp_path: Path) -> None:
    from augcli.data.source import list_source, read_image

    listing = list_source(pack(images, tmp_path / "tars", 15))
    assert (len(listing), len(listing.archives)) == (40, 3)
    actual = [path.read_bytes() for _, path in image_files(images)]
    assert [read_image(listing, index, 10**6) for index in range(40)] == actual


@pytest.mark.parametrize(("workers", "chroma"), [("1", CHROMA), ("3", "4:2:0")])
def test_the_floor_writes_what_it_read(
    images: Path, tmp_path: Path, workers: str, chroma: str
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(FLOOR), str(images), str(out), workers, chroma]
    run(command, tmp_path, dict(os.environ))
    written = {int(path.stem): path for _, path in image_files(out)}
    for number, (name, path) in enumerate(image_files(images)):
        image = cv2.imread(str(path))
        assert written[number].parent.name == name
        encoded = cv2.imencode(".jpg", image, jpeg(chroma))[1]
        assert written[number].read_bytes() == encoded.tobytes()
    assert len(written) == 40


def test_the_floor_crops_and_resizes(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(FLOOR), str(images), str(out), "2", CHROMA, "48", "40"]
    run(command, tmp_path, dict(os.environ))
    shapes = [read(str(path)).shape for _, path in image_files(out)]
    assert shapes == [(40, 48, 3)] * 40


def test_the_floor_resizes_by_area_where_told_to(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)
    (tmp_path / "images/a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images/a/a.png"), image)
    for options, method in (([], cv2.INTER_LINEAR), (["area"], cv2.INTER_AREA)):
        out = tmp_path / "-".join(["out", *options])
        command = [sys.executable, str(FLOOR), str(tmp_path / "images"), str(out), "1", CHROMA]
        run([*command, "60", "40", *options], tmp_path, dict(os.environ))
        resized = cv2.resize(image, (60, 40), interpolation=method)
        encoded = cv2.imencode(".jpg", resized, jpeg(CHROMA))[1]
        assert (out / "a/0.jpg").read_bytes() == encoded.tobytes()


def test_a_failing_command_is_told_by_its_last_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; print('all is lost', file=sys.stderr); sys.exit(3)",
    ]
    with pytest.raises(Failed, match="exit code 3: all is lost"):
        run(command, tmp_path, dict(os.environ))
    assert run([sys.executable, "-c", "print(7)"], tmp_path, dict(os.environ)).stdout == "7\n"


def test_memory_by_thirds() -> None:
    memory = Memory([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [9, 1, 5, 7, 8, 7, 2, 6])
    assert memory.thirds(0.0) == (9, 7)
    assert memory.thirds(1.0) == (7, 7)


def test_a_record_is_its_median_and_knows_its_target() -> None:
    record = Record("Recipe", "cutmix", "CPU over floor", [1.4, 1.1, 1.2], at_most=1.2)
    assert (record.value, record.target) == (1.2, "<= 1.2")
    assert Record("Recipe", "a", "q", [1.3], at_most=1.2).target == "<= 1.2, missed"
    assert Record("Workers", "a", "q", [1.6], at_least=1.7).target == ">= 1.7, missed"
    assert Record("Workers", "a", "q", [1.8]).target == ""
    growth = [Record("Growth", "a", "q", [value], 1.1, 0.9).target for value in (0.8, 1.0, 1.2)]
    assert growth == ["0.9 to 1.1, missed", "0.9 to 1.1", "0.9 to 1.1, missed"]


def test_tables_have_a_line_a_record() -> None:
    first = Record("Recipe", "cutmix", "CPU over floor", [1.0, 3.0], beside={"floor's": 2046.4})
    text = tables([first, Record("Map", "32 px", "CPU over OpenCV's", [0.0912])]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text]
    assert cells[0] == ["Recipe", "CPU over floor", "spread", "target", "floor's"]
    assert cells[2] == ["cutmix", "2.00", "1.00 to 3.00", "", "2046"]
    assert cells[6] == ["32 px", "0.0912", "0.0912 to 0.0912", ""]


def test_json_keeps_records_and_joins_them_in_order(tmp_path: Path) -> None:
    old = [Record("Recipe", name, "q", [1.0, 2.0], 1.1) for name in ("a", "b", "c, 4 copies")]
    new = [Record("Recipe", "b", "q", [3.0]), Record("Recipe", "c", "q", [4.0])]
    file = tmp_path / "results.json"
    write_json(file, old, {"rounds": 2})
    assert read_json(file) == old
    together = joined(read_json(file), new, ["a", "b", "c", "c, 4 copies"])
    assert [(r.name, r.value) for r in together] == [
        ("a", 1.5),
        ("b", 3.0),
        ("c", 4.0),
        ("c, 4 copies", 1.5),
    ]


def test_a_change_beyond_the_spread_is_marked() -> None:
    before = [Record("Recipe", "a", "q", [1.0, 1.2]), Record("Recipe", "b", "q", [1.0, 1.2])]
    now = [Record("Recipe", "a", "q", [1.1, 1.3]), Record("Recipe", "b", "q", [1.3, 1.45])]
    lines = [line.split("|") for line in comparison(before, now).splitlines()[1:]]
    assert [(line[1].strip(), line[4].strip(), line[5].strip()) for line in lines] == [
        ("Recipe: a", "+9.1 %", ""),
        ("Recipe: b", "+25.0 %", "*"),
    ]


def test_only_the_generated_section_is_replaced(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("above\n<!-- results: begin -->\nold\n<!-- results: end -->\nbelow\n")
    write_section(readme, "new")
    assert readme.read_text() == (
        "above\n<!-- results: begin -->\n\nnew\n\n<!-- results: end -->\nbelow\n"
    )


def test_rows_and_their_floors() -> None:
    row = recipe("cutout keep", "--keep", side=224, copies=4)
    assert row.name == "cutout keep, 224 px, 4 copies"
    assert row.arguments == (
        *("--recipe", "cutout", "--keep"),
        *("--size", "224x224", "--copies", "4"),
    )
    assert row.floor == Floor(side=224)
    assert Row("a", images="small", workers=1).floor.name == "floor, 32 px, 1 worker"
    row = recipe("cutmix", chroma="4:2:0", copies=4)
    assert row.name == "cutmix, native, 4:2:0, 4 copies"
    assert row.arguments == ("--recipe", "cutmix", "--copies", "4", "--chroma", "4:2:0")
    assert row.floor.name == "floor, native, 4:2:0"
    assert recipe("cutmix", side=224, by_area=True).name == "cutmix, 224 px, floor by area"


def test_every_listed_recipe_has_a_row_and_names_differ() -> None:
    names = plan(re.compile("")).names
    assert len(set(names)) == len(names)
    assert {"samplepairing, native", "cutmix, native, 4 copies", "augcli --help"} <= set(names)
    assert plan(re.compile("^CUTMIX, 32 px$", re.IGNORECASE)).names == ["cutmix, 32 px"]


def test_the_readme_has_its_section() -> None:
    text = FLOOR.with_name("README.md").read_text()
    assert re.findall("<!-- results: (begin|end) -->", text) == ["begin", "end"]
