"""What a run says of a source that is no longer the one that it began with."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from augcli.data.listing import Listing, ListingBuilder
from augcli.data.source import list_source
from augcli.engine.job import identity
from augcli.engine.plan import Run
from augcli.enums import Existing
from augcli.errors import UserError
from augcli.store.journal import begin
from augcli.store.sources import keep_sources, sources_changed
from tests.conftest import Augcli, tree
from tests.helpers.runs import run_over


def listing(
    root: Path, files: dict[str, str], soft: list[list[float]] | None = None, classes: str = ""
) -> Listing:
    """A listing of files by their classes; `soft` are the weights of all classes of each."""
    names = classes.split() or sorted(set(files.values()))
    builder = ListingBuilder()
    for path, class_name in files.items():
        folder, _, name = os.fsencode(path).rpartition(b"/")
        builder.add(builder.folder(folder), name, names.index(class_name))
    if soft is None:
        return builder.finish(root, names)
    ids = [i for row in soft for i, w in enumerate(row) if w]
    weights = [w for row in soft for w in row if w]
    ends = np.cumsum([sum(map(bool, row)) for row in soft]).tolist()
    return builder.finish(root, names, (ids, weights, ends))


BEFORE = {"a/1.jpg": "a", "a/2.jpg": "a", "b/1.jpg": "b", "b/2.jpg": "b", "b/3.jpg": "b"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in BEFORE:
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    return tmp_path / "source"


def without(*names: str) -> dict[str, str]:
    return {name: label for name, label in BEFORE.items() if name not in names}


CASES: dict[str, tuple[dict[str, str], str]] = {
    "nothing": (BEFORE, ""),
    "one more": ({**BEFORE, "c/1.jpg": "c"}, "1 file added (c/1.jpg)"),
    "many more": (
        {**{f"a/{n}.png": "a" for n in range(4)}, **BEFORE},
        "4 files added (a/0.png, a/1.png, a/2.png, ...)",
    ),
    "less and more": (
        {**without("a/2.jpg", "b/3.jpg"), "b/new.jpg": "b"},
        "1 file added (b/new.jpg), 2 removed (a/2.jpg, b/3.jpg)",
    ),
    "a class less": (without("a/1.jpg", "a/2.jpg"), "2 files removed (a/1.jpg, a/2.jpg)"),
    "another label": ({**BEFORE, "b/2.jpg": "a"}, "1 file with another label (b/2.jpg)"),
    "another name of a class": (
        {name: label.replace("b", "c") for name, label in BEFORE.items()},
        "3 files with another label (b/1.jpg, b/2.jpg, b/3.jpg)",
    ),
    "another order": (dict(reversed(BEFORE.items())), "the same files in another order"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_differs_is_counted_and_named(root: Path, tmp_path: Path, case: str) -> None:
    files, expected = CASES[case]
    assert sources_changed(tmp_path, listing(root, BEFORE)) is None
    keep_sources(tmp_path, listing(root, BEFORE))
    assert sources_changed(tmp_path, listing(root, files)) == expected


def test_classes_without_files_and_soft_labels(root: Path, tmp_path: Path) -> None:
    files = {"a/1.jpg": "a", "a/2.jpg": "a"}
    soft = [[0.5, 0.5], [1.0, 0.0]]
    keep_sources(tmp_path, listing(root, files, soft, "a b"))
    assert sources_changed(tmp_path, listing(root, files, soft, "a b")) == ""
    now = listing(root, files, [[0.5, 0.5], [0.9, 0.1]], "a b")
    assert sources_changed(tmp_path, now) == "1 file with another label (a/2.jpg)"
    keep_sources(tmp_path, listing(root, files, classes="a b"))
    now = listing(root, files, classes="a b c")
    assert sources_changed(tmp_path, now) == "other classes, a, b then and a, b, c now"


def test_sizes_count_and_times_do_not(root: Path, tmp_path: Path) -> None:
    keep_sources(tmp_path, listing(root, BEFORE))
    moved = tmp_path / "moved"
    shutil.copytree(root, moved, copy_function=shutil.copyfile)
    os.utime(moved / "a/1.jpg", (1, 1))
    assert sources_changed(tmp_path, listing(moved, BEFORE)) == ""
    (moved / "a/1.jpg").write_bytes(b"54321")  # as large as before: not noticed
    assert sources_changed(tmp_path, listing(moved, BEFORE)) == ""
    (moved / "b/2.jpg").write_bytes(b"123456")
    (moved / "a/2.jpg").unlink()
    assert sources_changed(tmp_path, listing(moved, BEFORE)) == (
        "1 file gone (a/2.jpg), 1 of another size (b/2.jpg)"
    )


def test_a_file_that_was_not_there_at_first_may_come(root: Path, tmp_path: Path) -> None:
    (root / "a/2.jpg").unlink()
    keep_sources(tmp_path, listing(root, BEFORE))
    (root / "a/2.jpg").write_bytes(b"now")
    assert sources_changed(tmp_path, listing(root, BEFORE)) == ""


def test_places_in_an_archive(root: Path, tmp_path: Path) -> None:
    spans = np.array([[512 * n, 5] for n in range(len(BEFORE))], np.uint64)
    archive = replace(listing(root, BEFORE), spans=spans)
    keep_sources(tmp_path, archive)
    assert sources_changed(tmp_path, archive) == ""
    other = spans.copy()
    other[1, 1] = 6
    shifted = spans + np.array([1, 0], np.uint64)
    assert sources_changed(tmp_path, replace(archive, spans=other)) == (
        "1 file of another size (a/2.jpg)"
    )
    assert sources_changed(tmp_path, replace(archive, spans=shifted)) == (
        "the same files at other places of the archive"
    )


@pytest.mark.parametrize("harm", ["cut", "flipped", "text", "empty", "folder"])
def test_a_damaged_record_is_one_sentence(root: Path, tmp_path: Path, harm: str) -> None:
    keep_sources(tmp_path, listing(root, BEFORE))
    file = tmp_path / "sources"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.unlink()
    if harm == "folder":
        file.mkdir()
    else:
        harmed: dict[str, bytes | bytearray] = {
            "cut": data[:-8],
            "flipped": data,
            "text": b"{}\nx",
            "empty": b"",
        }
        file.write_bytes(harmed[harm])
    with pytest.raises(UserError, match="is damaged; remove it to go on without comparing them"):
        sources_changed(tmp_path, listing(root, BEFORE))


def begun(photos: Path, out: Path) -> Run:
    run = run_over(photos, out)
    run.runtime.state.mkdir(parents=True, exist_ok=True)
    begin(out, identity(run.job, run.listing), run.listing, Existing.resume)
    return run


def test_a_run_stopped_before_it_kept_its_sources_keeps_them(photos: Path, tmp_path: Path) -> None:
    record = begun(photos, tmp_path / "out").runtime.state / "sources"
    data = record.read_bytes()
    record.unlink()
    begun(photos, tmp_path / "out")
    assert record.read_bytes() == data
    record.unlink()
    (tmp_path / "out/train").mkdir()  # what an older version published: its sizes are not known
    begun(photos, tmp_path / "out")
    assert not record.exists()


def test_a_changed_image_is_named_at_resume(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert augcli("generate", photos, out, "-r", "flip").returncode == 0
    before = tree(out)
    moved = tmp_path / "moved"
    shutil.copytree(photos, moved, copy_function=shutil.copyfile)
    assert augcli("generate", moved, out, "-r", "flip", "--resume").returncode == 0
    with (moved / "bee/bee 2.jpg").open("ab") as image:
        image.write(b"more")
    result = augcli("generate", moved, out, "-r", "flip", "--resume", "--seed", 7)
    assert (result.returncode, result.stderr) == (
        2,
        f"augcli: OUT {out} was begun with --seed 0 (now 7), and with other files in SOURCE: 1 file"
        " of another size (bee/bee 2.jpg); resume with the same, or give --overwrite to start"
        " anew.\n",
    )
    assert tree(out) == before
    (moved / "ant/ant 0.jpg").unlink()
    result = augcli("verify", out, "--replay", "--source", moved)
    assert "was made from: 1 file removed (ant/ant 0.jpg), 1 of another size" in result.stderr
    assert augcli("generate", moved, out, "-r", "flip", "--overwrite").returncode == 0


def test_changed_maps_are_named_at_resume(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "maps", ("--saliency", "spectral-residual", "--resume")
    assert augcli("saliency", photos, out, *options).returncode == 0
    with (photos / "bee/bee 2.jpg").open("ab") as image:
        image.write(b"more")
    result = augcli("saliency", photos, out, *options)
    assert result.returncode == 2
    assert "other files in SOURCE: 1 file of another size (bee/bee 2.jpg); resume" in result.stderr


def test_what_a_killed_run_wrote_of_it_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.png").write_bytes(b"x")
    state = tmp_path / ".augcli"
    state.mkdir()
    (state / "sources.4711.tmp").write_bytes(b"half")
    keep_sources(state, list_source(tmp_path))
    assert [path.name for path in state.iterdir()] == ["sources"]
