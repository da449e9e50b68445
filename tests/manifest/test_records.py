"""verify holds the records of a run against each other; whatever stands in their place, it ends."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from augcli.manifest.row import to_line
from augcli.manifest.verify import verify
from tests.conftest import Augcli, tree
from tests.helpers.runs import generate, run_over

DEEP = "[" * 100_000
HUGE = 1 << 37


@pytest.fixture
def out(photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    source_fields = {"source": str(photos)}
    generate(run_over(photos, folder, copies=2), source=source_fields, workers=1)
    counts(folder, planned=30)
    return folder


def counts(out: Path, **changes: Any) -> None:
    summary = json.loads((out / "run.json").read_text())
    summary["counts"] |= changes
    for key in ("manifest", "files"):  # digests, which tell of any change
        summary.pop(key, None)
    (out / "run.json").write_text(json.dumps(summary))


def skip(out: Path, *outputs: int | None) -> None:
    """Lines of inputs of which so many outputs are not there."""
    lines = []
    for number, count in enumerate(outputs):
        line = {"source_id": f"{number:016x}", "source_path": "a/b.jpg", "reason": "it is broken"}
        lines.append(json.dumps(line if count is None else line | {"outputs": count}) + "\n")
    (out / "errors.jsonl").write_text("".join(lines))


def drop_rows(out: Path, count: int) -> None:
    """The last rows and their files, as though they had never been."""
    lines = (out / "train/metadata.jsonl").read_text().splitlines(keepends=True)
    for line in lines[-count:]:
        (out / "train" / json.loads(line)["file_name"]).unlink()
    (out / "train/metadata.jsonl").write_text("".join(lines[:-count]))


def faults(out: Path) -> list[tuple[str, str]]:
    return [(fault.where, fault.what) for fault in verify(out).faults]


def test_the_records_agree(out: Path) -> None:
    assert faults(out) == []


def test_a_manifest_that_was_shortened_with_its_count(out: Path) -> None:
    drop_rows(out, 3)
    counts(out, outputs=27)
    what = "it planned 30 outputs; there are 27, and errors.jsonl says that 0 were not made"
    assert faults(out) == [("run.json", what)]


def test_outputs_that_were_not_made_are_counted(out: Path) -> None:
    drop_rows(out, 3)
    counts(out, outputs=27, skipped=2)
    skip(out, 1, 2)
    assert faults(out) == []
    skip(out, 1, 1)
    assert [what for _, what in faults(out)] == [
        "it planned 30 outputs; there are 27, and errors.jsonl says that 2 were not made"
    ]
    skip(out, 3)
    assert faults(out) == [("run.json", "it counts 2 inputs skipped, and errors.jsonl has 1")]


def test_older_records_lack_what_was_planned(out: Path) -> None:
    drop_rows(out, 3)
    counts(out, outputs=27, skipped=1)
    skip(out, None)
    assert faults(out) == []
    summary = json.loads((out / "run.json").read_text())
    del summary["counts"]["planned"]
    (out / "run.json").write_text(json.dumps(summary))
    skip(out, 1)
    assert faults(out) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outputs": 29}, "it counts 29 outputs, and there are 30"),
        ({"skipped": 1}, "it counts 1 inputs skipped, and errors.jsonl has 0"),
        ({"classes": 2}, "it counts 2 classes, and classes.txt has 3"),
        (
            {"planned": 31},
            "it planned 31 outputs; there are 30, and errors.jsonl says that 0 were not made",
        ),
        ({"outputs": -1}, "counts.outputs is -1, which counts nothing"),
        ({"outputs": 1e308}, "counts.outputs is 1e+308, which counts nothing"),
        ({"outputs": 30.0}, "counts.outputs is 30.0, which counts nothing"),
        ({"skipped": None}, "counts.skipped is None, which counts nothing"),
        ({"skipped": False}, "counts.skipped is False, which counts nothing"),
        ({"planned": None}, "counts.planned is None, which counts nothing"),
        ({"planned": "30"}, "counts.planned is 30, which counts nothing"),
        ({"planned": 10**30}, "which counts nothing"),
        ({"classes": [3]}, "counts.classes is [3], which counts nothing"),
    ],
)
def test_counts_that_are_none_or_wrong(out: Path, changes: dict[str, Any], expected: str) -> None:
    counts(out, **changes)
    (fault,) = faults(out)
    assert fault[0] == "run.json"
    assert expected in fault[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is damaged"),
        ("{", "the file is damaged"),
        ("\0\0", "the file is damaged"),
        ("\udcff", "the file is damaged"),
        (DEEP, "the file is damaged: it is nested too deeply"),
        ("[]", "it does not describe a run of augcli"),
        ("{}", "its size or max_pixels is not that of a run"),
        ('{"max_pixels": 1e999}', "its size or max_pixels is not that of a run"),
        ('{"max_pixels": 9, "size": [1, -1]}', "its size or max_pixels is not that of a run"),
        ('{"max_pixels": 9}', "it has no counts"),
        ('{"max_pixels": 9, "counts": []}', "it has no counts"),
        ('{"counts": {"outputs": Infinity}}', "Infinity is not a JSON value"),
        (f'{{"counts": {"9" * 5000}}}', "the file is damaged"),
    ],
)
def test_a_damaged_run_json(augcli: Augcli, out: Path, text: str, expected: str) -> None:
    (out / "run.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (fault,) = faults(out)
    assert fault[0] == "run.json"
    assert expected in fault[1]
    if text in (DEEP, "{}"):  # as the command line has it
        result = augcli("verify", out)
        assert (result.returncode, result.stderr) == (1, "")
        assert result.stdout.count("\n") == 3
        for option in ("--replay", "--repair"):
            result = augcli("verify", out, option)
            assert (result.returncode, result.stdout) == (2, "")
            assert result.stderr.startswith(f"augcli: {out / 'run.json'}")
            assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "line 1 breaks off, or is too long"),
        ("[]\n", "line 1 is no object"),
        ("\n", "line 1 is no JSON"),
        (DEEP + "\n", "line 1 is no JSON: it is nested too deeply"),
        ("{}\n", "line 1 lacks a source_id, a source_path or a reason"),
        ('{"source_id":1,"source_path":"a","reason":"b"}\n', "line 1 lacks a source_id"),
        (
            '{"source_id":"0","source_path":"a","reason":"b","outputs":-1}\n',
            "line 1, outputs is -1, which counts nothing",
        ),
        (
            '{"source_id":"0","source_path":"a","reason":"b","outputs":1e999}\n',
            "line 1, outputs is inf, which counts nothing",
        ),
        (
            '{"source_id":"0","source_path":"a","reason":"b","outputs":null}\n',
            "line 1, outputs is None, which counts nothing",
        ),
        ("x" * 2_000_000, "line 1 breaks off, or is too long"),
    ],
)
def test_a_damaged_errors_jsonl(out: Path, text: str, expected: str) -> None:
    (out / "errors.jsonl").write_text(text)
    (fault,) = faults(out)
    assert fault[0] == "errors.jsonl"
    assert fault[1].startswith(expected)


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"\xff\n", "the file is damaged: "), (b"ant\nbee\nant\n", "a class stands in it twice")],
)
def test_a_damaged_classes_txt(out: Path, data: bytes, expected: str) -> None:
    (out / "classes.txt").write_bytes(data)
    assert any(w == "classes.txt" and what.startswith(expected) for w, what in faults(out))


@pytest.mark.parametrize("name", ["run.json", "classes.txt", "errors.jsonl"])
def test_a_record_is_missing(out: Path, name: str) -> None:
    (out / name).unlink()
    assert (name, "the file is missing") in faults(out)


@pytest.mark.parametrize("name", ["train/metadata.jsonl", "train/bee", "train"])
def test_a_part_of_the_images_is_missing(augcli: Augcli, out: Path, name: str) -> None:
    """The manifest, the folder of a class, all of it."""
    path = out / name
    bees = (out / "train/metadata.jsonl").read_text().count('"file_name":"bee/')
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    result = augcli("verify", out, "--json")
    assert (result.returncode, result.stderr) == (1, "")
    actual = json.loads(result.stdout)["faults"]
    if name == "train/bee":
        assert len(actual) == bees > 5
        assert {fault["what"] for fault in actual} == {"the file is missing"}
    else:
        expected = ("train", "the folder is missing")
        if name != "train":
            expected = ("metadata.jsonl", "the file is missing")
        assert expected in [(fault["where"], fault["what"]) for fault in actual]


RECORDS = ["train/metadata.jsonl", "classes.txt", "run.json", "errors.jsonl"]


def test_what_is_no_finished_run(augcli: Augcli, out: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    begun = tmp_path / "begun"
    shutil.copytree(out, begun)
    (begun / "train").rename(begun / ".augcli/train")
    for path in (begun / "run.json", begun / "errors.jsonl", begun / "classes.txt"):
        path.unlink()
    almost = tmp_path / "almost"
    shutil.copytree(out, almost)
    (almost / "train").rename(almost / ".augcli/train")
    for folder_, expected in (
        (tmp_path / "none", "does not exist; give the folder of a finished run."),
        (tmp_path / "file", "is a file; give the folder of a finished run."),
        (tmp_path / "empty", "is empty, and is no run of augcli; give the OUT of `augcli"
         " generate`."),
        (photos, "holds images in 3 class folders, and is no run of augcli; give the OUT of"
         " `augcli generate`."),
        (begun, "holds a run that is not finished; finish it by the same `augcli generate ...` with"
         " --resume."),
        (almost, "holds a run that is not finished; finish it by the same `augcli generate ...`"
         " with --resume."),
    ):  # fmt: skip
        before = tree(tmp_path)
        for options in ((), ("--repair",)):
            result = augcli("verify", folder_, *options)
            assert (result.returncode, result.stdout) == (2, "")
            assert result.stderr == f"augcli: OUT {folder_} {expected}\n"
        assert tree(tmp_path) == before


def test_a_source_that_is_gone_or_has_moved(augcli: Augcli, out: Path, photos: Path) -> None:
    moved = photos.with_name("moved")
    photos.rename(moved)
    assert augcli("verify", out).returncode == 0
    image = (
        out / "train" / json.loads((out / "train/metadata.jsonl").open().readline())["file_name"]
    )
    data = image.read_bytes()
    image.unlink()
    for option in ("--replay", "--repair"):
        result = augcli("verify", out, option)
        assert (result.returncode, result.stderr) == (
            2,
            f"augcli: SOURCE {photos} does not exist; say with --source where OUT's source is"
            " now.\n",
        )
    result = augcli("verify", out, "--repair", "--replay", "--source", moved)
    assert result.returncode == 0, result.stdout + result.stderr
    assert image.read_bytes() == data
    (moved / "ant" / "ant 0.jpg").unlink()
    image.unlink()
    for option in ("--replay", "--repair"):
        result = augcli("verify", out, option, "--source", moved)
        assert result.returncode == 2
        assert result.stderr == (
            f"augcli: --source {moved} does not hold the files that OUT {out} was made from:"
            " 1 file removed (ant/ant 0.jpg); give the place to which"
            f" {photos} has moved.\n"
        )
    result = augcli("verify", out, "--source", moved)
    assert result.returncode == 2
    assert result.stderr == (
        "augcli: --source has no effect unless outputs are made again; add --replay or --repair, or"
        " leave it out.\n"
    )


LIMITED = """
import resource, sys
from pathlib import Path
from augcli.manifest.verify import verify
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
print(verify(Path(sys.argv[1])).faults)
"""


def test_nothing_depends_on_the_hashes_of_strings(augcli: Augcli, out: Path) -> None:
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    for row in rows[::3]:
        (out / "train" / row["file_name"]).rename(out / "train/ant" / f"not {row['sample_id']}")
    lines = [to_line(row | {"view": f"v{n % 5}"}) for n, row in enumerate([*rows, *rows[:7]])]
    (out / "train/metadata.jsonl").write_text("".join(lines))
    said = {
        augcli("verify", out, "--json", env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1", "77")
    }
    assert len(said) == 1
    assert json.loads(said.pop())["fault_count"] > 40


def test_a_file_name_that_no_text_holds_is_not_that_of_a_row(out: Path) -> None:
    """The byte 255 is shown as the four characters of a row that has them."""
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    name = rows[0]["file_name"].replace(".jpg", "\\xff.jpg")
    image = out / "train" / rows[0]["file_name"]
    image.rename(os.fsdecode(os.fsencode(image).replace(b".jpg", b"\xff.jpg")))
    rows[0]["file_name"] = name
    (out / "train/metadata.jsonl").write_text("".join(map(to_line, rows)))
    assert faults(out) == [
        (name, "the file name is not <class>/<file>"),
        (name, "no row names this file"),
    ]
