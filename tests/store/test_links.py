"""Links below OUT: nothing is written, removed or repaired through one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from augcli.engine import plan as plan_module
from augcli.engine.plan import Plan
from augcli.errors import RunFailed, UserError
from augcli.store import durable
from augcli.store import merge as merging
from augcli.store.links import refuse_links
from augcli.store.sinks import folder as folder_sink
from augcli.tasks import generate as generate_module
from tests.conftest import Augcli, tree
from tests.helpers.runs import generate, run_over

FOLDERS = [
    "train", "train/ant", ".augcli", ".augcli/train", ".augcli/train/ant", ".augcli/parts",
    ".augcli/repair", ".augcli/repair/train", ".augcli/repair/train/ant", ".augcli/repair/parts",
]  # fmt: skip
FILES = [
    "classes.txt", "run.json", "errors.jsonl", "train/metadata.jsonl", ".augcli/lock",
    ".augcli/holder.json", ".augcli/identity.json", ".augcli/listed", ".augcli/run.json",
    ".augcli/parts/00000000-00000-00005.rows", ".augcli/train/metadata.jsonl",
]  # fmt: skip


@pytest.mark.parametrize("target", ["there", "nowhere"])
@pytest.mark.parametrize("name", FOLDERS + FILES)
def test_a_link_is_refused_by_name(tmp_path: Path, name: str, target: str) -> None:
    out, there = tmp_path / "out", tmp_path / "there"
    there.mkdir() if name in FOLDERS else there.write_text("")
    link = out / name
    link.parent.mkdir(parents=True)
    refuse_links(out)
    link.symlink_to(tmp_path / target)
    with pytest.raises(UserError, match=f"^{link} is a link, and nothing is written through"):
        refuse_links(out)


def test_out_itself_may_be_a_link_and_others_may_lie_in_it(tmp_path: Path) -> None:
    for name in FOLDERS:
        (tmp_path / "there" / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / "there/mine").symlink_to("/nowhere")
    (tmp_path / "out").symlink_to(tmp_path / "there")
    refuse_links(tmp_path / "out")
    refuse_links(tmp_path / "nothing")


@pytest.mark.parametrize("option", ["--overwrite", "--resume"])
@pytest.mark.parametrize(
    "name",
    [
        "train", "train/ant", "classes.txt", "run.json", "errors.jsonl", ".augcli", ".augcli/lock",
        ".augcli/identity.json", ".augcli/holder.json", ".augcli/parts", ".augcli/train",
        ".augcli/train/ant", ".augcli/parts/00000000-00000-00005.rows",
    ],
)  # fmt: skip
def test_a_command_refuses_a_link_before_work(
    augcli: Augcli, photos: Path, tmp_path: Path, name: str, option: str
) -> None:
    """Also where the link leads to just what was there."""
    out, there = tmp_path / "out", tmp_path / "there"
    assert augcli("generate", photos, out, "-r", "cutmix").returncode == 0
    link = out / name
    link.parent.mkdir(exist_ok=True)
    if link.exists():
        link.rename(there)
    elif name.endswith(("parts", "train", "ant")):
        there.mkdir()
    else:
        there.write_text("mine")
    link.symlink_to(there)
    before = tree(tmp_path)
    result = augcli("generate", photos, out, "-r", "cutmix", option)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"augcli: {link} is a link, and nothing is written through links; remove it.\n"
    )
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", [".augcli", ".augcli/train", ".augcli/train/ant", ".augcli/parts"])
def test_a_link_that_appears_before_a_shard_is_not_written_through(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The folder goes elsewhere, and a link to it stands in its place."""
    out, there = tmp_path / "out", tmp_path / "there"
    run, source_fields = run_over(photos, out), {"source": str(photos)}
    usual = plan_module.remaining

    def remaining(plan: Plan, committed: Any) -> object:
        todo = list(usual(plan, committed))
        (out / name).mkdir(exist_ok=True)
        (out / name).rename(there)
        (out / name).symlink_to(there)
        return todo

    monkeypatch.setattr(generate_module, "remaining", remaining)
    with pytest.raises(RunFailed, match=f"^{out / name}: it is a link, and nothing is written"):
        generate(run, source=source_fields, workers=1)
    left = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    assert not {path for path in left if path.endswith((".jpg", ".rows"))}
    monkeypatch.undo()
    (out / name).unlink()
    there.rename(out / name)
    assert generate(run, source=source_fields, workers=1, resume=True).outputs == 15


def test_a_link_in_the_place_of_an_image_is_replaced(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is a file that has another name elsewhere, as a source image that is linked to."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    generate(run_over(photos, calm), source={"source": str(photos)}, workers=1)
    names = [json.loads(line)["file_name"] for line in (calm / "train/metadata.jsonl").open()]
    mine = [tmp_path / "mine", tmp_path / "mine too"]
    for file in mine:
        file.write_text("mine")
    places = [out / ".augcli/train" / name for name in names[:2]]
    usual = durable.write_file

    def write_file(path: str, data: bytes) -> None:
        if path == str(places[0]):
            places[0].symlink_to(mine[0])
        if path == str(places[1]):
            places[1].hardlink_to(mine[1])
        usual(path, data)

    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / ".augcli")
    monkeypatch.setattr(folder_sink, "write_file", _making_folders(write_file))
    generate(run_over(photos, out), source={"source": str(photos)}, workers=1)
    assert tree(out / "train") == tree(calm / "train")
    assert [file.read_text() for file in mine] == ["mine", "mine"]
    assert not any(path.is_symlink() for path in out.rglob("*"))


def _making_folders(write: object) -> object:
    def write_file(path: str, data: bytes) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        write(path, data)  # type: ignore[operator]

    return write_file


def test_a_link_that_appears_before_publishing_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, there, usual = tmp_path / "out", tmp_path / "there", merging.merge_parts
    there.write_text("mine")

    def merge(state: Path) -> merging.Published:
        (out / "classes.txt").symlink_to(there)
        return usual(state)

    monkeypatch.setattr(folder_sink, "merge_parts", merge)
    with pytest.raises(RunFailed, match=f"^{out / 'classes.txt'} is a link"):
        generate(run_over(photos, out), source={"source": str(photos)}, workers=1)
    assert there.read_text() == "mine"
    assert (out / "classes.txt").is_symlink()
