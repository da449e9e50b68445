"""What people put into the state of a run under the name of a file of its own stays somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.store.journal import stamp
from tests.conftest import Augcli, tree
from tests.store.test_stored import make, source, stopped_before

__all__ = ["source"]

OF_A_RUN = (
    "classes.txt", "errors.jsonl", "run.json", "listed", "metadata.jsonl", "removal.json",
    "removal.jsonl", "sources",
)  # fmt: skip
UNFINISHED = (
    "holder.json.my.tmp",
    "sources.my.tmp",
    "listed.tmp",
    "run.json.tmp",
    "parts/my.errors",
)
MINE = "mine, and nobody else's\n"


def survivors(out: Path) -> int:
    return sum(path.is_file() and path.read_bytes() == MINE.encode() for path in out.rglob("*"))


@pytest.mark.parametrize("how", ["--resume", "--overwrite"])
@pytest.mark.parametrize("is_published", [True, False])
def test_files_in_the_state_survive(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, is_published: bool
) -> None:
    out, calm = tmp_path / "out", tmp_path / "calm"
    make(source, calm)
    if is_published:
        make(source, out)
    else:
        stopped_before(monkeypatch, "merge_parts", source, out)
    names = [*OF_A_RUN, *UNFINISHED]
    if how == "--resume":
        names.remove("sources")  # without which nothing is compared: that is refused
    for name in names:
        (out / ".augcli" / name).parent.mkdir(exist_ok=True)
        (out / ".augcli" / name).write_text(MINE)
    make(source, out, **{how[2:]: True})
    assert survivors(out) == len(names)
    assert tree(out / "train") == tree(calm / "train")
    if how == "--overwrite" or not is_published:
        aside = {path.name for path in (out / ".augcli/replaced").iterdir()}
        assert aside >= {f"{name}.1" for name in ("classes.txt", "errors.jsonl", "run.json")}


def test_a_published_run_has_no_staged_images_and_no_damaged_parts(
    augcli: Augcli, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make(source, out)
    for name in ("train/a/0123456789abcdef.jpg", "parts/00000000-00000-00009.rows"):
        mine = out / ".augcli" / name
        mine.parent.mkdir(parents=True)
        mine.write_text(MINE)
        before = tree(out)
        result = augcli("generate", source, out, "-r", "flip", "--overwrite")
        assert (result.returncode, result.stderr) == (
            2,
            f"augcli: {mine} was not written by the run in OUT; move it away to replace the run.\n",
        )
        assert tree(out) == before
        mine.unlink()


@pytest.mark.parametrize("command", ["generate", "saliency"])
def test_a_holder_that_no_run_wrote_is_refused(
    augcli: Augcli, source: Path, tmp_path: Path, command: str
) -> None:
    out = tmp_path / "out"
    recipe = ("-r", "cutmix") if command == "generate" else ()
    arguments = (command, source, out, *recipe, "--max-errors", 1)
    assert augcli(*arguments).returncode == 0
    holder = out / (".augcli" if command == "generate" else ".augcli-maps") / "holder.json"
    holder.write_text(MINE)
    for how in ("--resume", "--overwrite"):
        result = augcli(*arguments, how)
        assert result.returncode == 2
        assert f"{holder} is not the record of a run; move it away" in result.stderr
        assert holder.read_text() == MINE


def test_what_a_run_left_when_it_was_killed_is_none_of_that(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it wrote before the end, and did not publish, is removed as before."""
    out = tmp_path / "out"
    stopped_before(monkeypatch, "publish", source, out)
    state = out / ".augcli"
    (state / "classes.txt").write_text("a\nb\n")
    (state / "errors.jsonl").write_bytes((state / "errors.jsonl").read_bytes()[:-9])
    assert stamp(out)[0]
    make(source, out, overwrite=True)
    assert not (state / "replaced").exists()
