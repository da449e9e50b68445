"""augcli verify finds what is wrong with an output directory."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from augcli.manifest import verify as verify_module
from augcli.manifest.forms import folder
from augcli.manifest.row import to_line
from tests.conftest import SAMPLE_DATA, Augcli, tree, write_photo
from tests.manifest.test_verify import write_records

Rows = list[dict[str, Any]]


@pytest.fixture
def out(augcli: Augcli, photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    result = augcli("generate", photos, folder, "-r", "cutmix", "--pair", "different-class")
    assert result.returncode == 0, result.stderr
    return folder


def read(out: Path) -> Rows:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").open()]


def write(out: Path, rows: Rows) -> None:
    text = "".join(to_line(row) for row in rows)
    (out / "train/metadata.jsonl").write_text(text)


def mixed(rows: Rows) -> dict[str, Any]:
    return next(row for row in rows if len(row["label_ids"]) == 2)


def flip_a_byte(out: Path) -> str:
    path = out / "train" / read(out)[3]["file_name"]
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    return "sha256"


def lose_a_file(out: Path) -> str:
    (out / "train" / read(out)[3]["file_name"]).unlink()
    return "the file is missing"


def add_a_file(out: Path) -> str:
    Image.new("RGB", (3, 3)).save(out / "train" / "ant" / "more.png")
    return "no row names this file"


def change(out: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    rows = read(out)
    edit(mixed(rows))
    write(out, rows)


def change_a_weight(out: Path) -> str:
    change(out, lambda row: row["label_weights"].__setitem__(0, row["label_weights"][0] + 0.01))
    return "label weights sum to 1.01"


def name_a_class_that_is_none(out: Path) -> str:
    change(out, lambda row: row["label_ids"].__setitem__(1, 7))
    return "label id 7 is not in classes.txt"


def swap_the_label(out: Path) -> str:
    def swap(row: dict[str, Any]) -> None:
        row["label"] = next(i for i in row["label_ids"] if i != row["label"])

    change(out, swap)
    return "is not the class of greatest weight"


def change_the_size(out: Path) -> str:
    change(out, lambda row: row.update(width=row["width"] + 1))
    return "the row says"


def move_a_box_outside(out: Path) -> str:
    change(out, lambda row: row.update(boxes=[[0, 0, 9999, 1]]))
    return "lies outside"


def repeat_a_row(out: Path) -> str:
    rows = read(out)
    write(out, [*rows, rows[0]])
    return "two rows name this file"


def cut_the_manifest(out: Path) -> str:
    path = out / "train/metadata.jsonl"
    path.write_bytes(path.read_bytes()[:-50])
    return "line 15 breaks off"


def climb_out_of_the_folder(out: Path) -> str:
    change(out, lambda row: row.update(file_name="../../secret.jpg"))
    return "the file name is not <class>/<file>"


HARMS = [
    flip_a_byte, lose_a_file, add_a_file, change_a_weight, name_a_class_that_is_none,
    swap_the_label, change_the_size, move_a_box_outside, repeat_a_row, cut_the_manifest,
    climb_out_of_the_folder,
]  # fmt: skip


def test_a_whole_output_passes(augcli: Augcli, out: Path) -> None:
    result = augcli("verify", out, "--replay", "--json")
    assert result.returncode == 0, result.stdout
    assert json.loads(result.stdout) == {
        "out": str(out),
        "rows": 15,
        "replayed": 15,
        "repaired": 0,
        "fault_count": 0,
        "faults": [],
    }
    assert "4 made again" in augcli("verify", out, "--replay", 4).stdout


@pytest.mark.parametrize("harm", HARMS)
def test_planted_faults_are_found(augcli: Augcli, out: Path, harm: Callable[[Path], str]) -> None:
    expected = harm(out)
    result = augcli("verify", out, "--json")
    assert result.returncode == 1
    faults = [fault["what"] for fault in json.loads(result.stdout)["faults"]]
    assert any(expected in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda row: row.update(lam=row["lam"] / 2), "another lam"),
        (lambda row: row.update(params='{"box":[0,0,2,2]}'), "another image"),
        (lambda row: row.update(params='{"bux":[0,0,2,2]}'), "do not fit"),
        (lambda row: row.update(params="{"), "do not fit"),
        (lambda row: row.update(source_ids=row["source_ids"][::-1]), " in 15 rows, 15 made again."),
        (lambda row: row["source_ids"].__setitem__(0, "f" * 16), "no longer in SOURCE"),
    ],
)
def test_replay_finds_what_a_row_alone_does_not_show(
    augcli: Augcli, out: Path, edit: Callable[[dict[str, Any]], object], expected: str
) -> None:
    change(out, edit)
    result = augcli("verify", out)
    assert (result.returncode, expected in result.stdout) == (1, False), "by its digest alone"
    result = augcli("verify", out, "--replay")
    assert result.returncode == 1
    assert expected in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("harm", [*HARMS, None])
def test_repair_makes_again_exactly_what_is_broken(
    augcli: Augcli, out: Path, harm: Callable[[Path], str] | None
) -> None:
    before = tree(out / "train")
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("train/*/*.jpg")}
    if harm is None:
        (out / "train/metadata.jsonl").unlink()
        (out / "classes.txt").unlink()
    else:
        harm(out)
    result = augcli("verify", out, "--repair", "--json")
    stray = out / "train/ant/more.png"
    if harm is add_a_file:  # it does not look like an output of ours, and is left for its owner
        assert result.returncode == 1
        stray.unlink()
        result = augcli("verify", out, "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    assert tree(out / "train") == before
    assert not list(out.glob(".augcli/repair*"))
    moved = [path for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp]
    assert len(moved) == (1 if harm in (flip_a_byte, lose_a_file) else 0)
    assert augcli("verify", out, "--replay").returncode == 0


def test_repair_needs_the_source_as_it_was(augcli: Augcli, out: Path, photos: Path) -> None:
    """Or OUT's own record of what it was, by which files that were added are left out."""
    before = tree(out / "train")
    lose_a_file(out)
    write_photo(photos / "ant/new.jpg", 5, 20, 20)
    kept = (out / ".augcli/sources").read_bytes()
    (out / ".augcli/sources").write_bytes(kept[:-1])
    result = augcli("verify", out, "--repair")
    assert (result.returncode, "the list of the files that OUT was begun" in result.stderr) == (
        2, True
    )  # fmt: skip
    (out / ".augcli/sources").unlink()
    result = augcli("verify", out, "--repair")
    assert result.returncode == 2
    assert "are no longer those that OUT was made from; restore them, or make" in result.stderr
    (out / ".augcli/sources").write_bytes(kept)
    assert augcli("verify", out, "--repair").returncode == 0
    assert tree(out / "train") == before


def harmed_and_repaired(augcli: Augcli, out: Path) -> None:
    """A lost file, a broken one and a lost row are made again to the same bytes."""
    before = tree(out / "train")
    assert augcli("verify", out, "--replay").returncode == 0
    lose_a_file(out)
    rows = read(out)
    (out / "train" / rows[5]["file_name"]).write_bytes(b"broken")
    write(out, rows[:7] + rows[8:])
    result = augcli("verify", out, "--repair", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout)["repaired"] == 3
    assert tree(out / "train") == before


def test_repair_of_a_list_of_paths(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    """The list is kept, in its order, and read again from where it was."""
    listed = sorted((str(p.relative_to(tmp_path)) for p in photos.glob("*/*")), reverse=True)
    out = tmp_path / "listed"
    result = augcli(
        "generate", "-", out, "-r", "saliencymix", cwd=tmp_path, stdin="\n".join(listed).encode()
    )
    assert result.returncode == 0, result.stderr
    harmed_and_repaired(augcli, out)
    lose_a_file(out)
    (out / ".augcli/listed").unlink()
    result = augcli("verify", out, "--repair")
    assert result.returncode == 2
    assert "does not hold it any more; make it anew" in result.stderr


def test_repair_of_a_run_that_asked_a_classifier(augcli: Augcli, tmp_path: Path) -> None:
    model, out = tmp_path / "model.onnx", tmp_path / "asked"
    for name in ("classifier.onnx", "classifier.toml"):
        shutil.copy(SAMPLE_DATA / name, model.with_suffix(Path(name).suffix))
    result = augcli(
        "generate", SAMPLE_DATA, out, "-r", "randaugment", "--keep", "--saliency", "gradient",
        "--model", model, "--device", "cpu", "--size", "64x48",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    model.with_suffix(".toml").unlink()  # what it said stands in run.json
    harmed_and_repaired(augcli, out)
    lose_a_file(out)
    model.write_bytes(b"another")
    result = augcli("verify", out, "--repair")
    assert result.returncode == 2
    assert "model.onnx" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_pipe_or_a_folder_in_the_place_of_an_image(augcli: Augcli, out: Path) -> None:
    first, second = (out / "train" / row["file_name"] for row in read(out)[:2])
    for path in (first, second):
        path.unlink()
    os.mkfifo(first)
    second.mkdir()
    faults = json.loads(augcli("verify", out, "--json").stdout)["faults"]
    assert [fault["what"] for fault in faults[:2]] == ["it is not a regular file"] * 2


def test_rows_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row as an object takes kilobytes; of each that was read some bytes are kept."""
    count = 20_000
    (tmp_path / "train").mkdir()
    (tmp_path / "classes.txt").write_text("cat\n")
    row = {
        "file_name": "", "label": 0, "class_name": "cat", "label_ids": [0], "label_weights": [1.0],
        "soft_label": [1.0], "sample_id": "", "group_id": "", "view": "aug1",
        "source_ids": ["0" * 16], "source_paths": ["cat/1.jpg"], "lam": 1.0, "boxes": [],
        "recipe": "cutout", "params": "null", "saliency_method": "", "width": 1, "height": 1,
        "sha256": "0" * 64, "seed": "0", "schema_version": 1,
    }  # fmt: skip
    with (tmp_path / "train/metadata.jsonl").open("w") as manifest:
        for number in range(count):
            name = f"{number:016x}"
            names = {"file_name": f"cat/{name}.jpg", "sample_id": name, "group_id": name}
            manifest.write(to_line(row | names))
    monkeypatch.setattr(folder._Files, "image_faults", lambda *_: ())
    write_records(tmp_path, outputs=count, classes=1)
    verify_module.verify(tmp_path)  # what is imported and cached at first
    tracemalloc.start()
    verified = verify_module.verify(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (verified.rows, verified.faults, verified.total) == (count, [], 0)
    assert peak < 600 * count


def test_a_manifest_of_another_run_is_found(augcli: Augcli, out: Path, photos: Path) -> None:
    other = out.with_name("other")
    assert augcli("generate", photos, other, "-r", "cutmix", "--seed", 9).returncode == 0
    (out / "train/metadata.jsonl").write_bytes((other / "train/metadata.jsonl").read_bytes())
    result = augcli("verify", out, "--json")
    assert result.returncode == 1
    assert len(json.loads(result.stdout)["faults"]) == 30


def test_replay_without_its_source_is_one_sentence(augcli: Augcli, out: Path, photos: Path) -> None:
    photos.rename(photos.with_name("moved"))
    result = augcli("verify", out, "--replay")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "photos does not exist" in result.stderr


def test_a_name_forges_no_line_and_moves_no_cursor(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert augcli("generate", photos, out, "-r", "cutmix", "-q").returncode == 0
    (out / "train/ant/x\n15 rows and their files agree.\x1b[8m").write_bytes(b"")
    result = augcli("verify", out)
    name = "ant/x\\n15 rows and their files agree.\\x1b[8m"
    first, count, _, rest = result.stdout.split("\n")
    expected = f"{name}: no row names this file"
    assert (result.returncode, first, count, rest) == (1, expected, "1 fault in 15 rows.", "")
