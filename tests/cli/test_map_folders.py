"""A folder of saliency maps is whole, resumed, or replaced, and nothing else is."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import pytest

from augcli.errors import RunFailed, UserError
from tests.cli.conftest import Run, rows
from tests.conftest import ROOT, Augcli, tree, write_photo


def write_photos(folder: Path, count: int = 40) -> Path:
    for number in range(count):
        write_photo(folder / f"c{number % 3}" / f"{number}.png", number, 20 + number, 70 - number)
    return folder


def test_maps_that_would_meet_are_all_there(augcli_saliency: Run, tmp_path: Path) -> None:
    data, trees = tmp_path / "data", []
    for number, name in enumerate(
        ("c/x.jpg", "c/x.jpg.png/y.jpg", "c/X.jpg", "c/x.png", "c/x.jpg.overlay.jpg",
         "maps.jsonl/a.png", "errors.jsonl/b.png")
    ):  # fmt: skip
        write_photo(data / name, number, 30 + number, 20)
    for workers in (1, 3):
        out = tmp_path / f"maps{workers}"
        assert augcli_saliency(data, out, "--overlay", "-j", workers).exit_code == 0
        trees.append(tree(out))
        written = rows(out)
        assert len({row["file_name"].casefold() for row in written}) == 7
        for row in written:
            levels = cv2.imread(str(out / row["file_name"]), cv2.IMREAD_UNCHANGED)
            assert levels is not None and levels.shape == (row["height"], row["width"])
            overlaid = cv2.imread(str(out / row["file_name"].replace(".png", "")))
            assert overlaid is None
        assert len(list(out.rglob("*.overlay.jpg"))) == 7
    assert trees[0] == trees[1]


@pytest.mark.parametrize("moment", ["rows", "publish", "index"])
def test_maps_resume_to_the_same_bytes(
    augcli_saliency: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """After a stop between two chunks, between two folders that move into OUT, and before the
    index; what a row proves is not made again."""
    data = write_photos(tmp_path / "data")
    (data / "c0/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    options = ("--saliency", "spectral-residual", "--overlay", "-j", 2, "--max-errors", 1)
    calm, out = tmp_path / "calm", tmp_path / "out"
    assert augcli_saliency(data, calm, *options).exit_code == 0
    with monkeypatch.context() as patch:
        stop_at(patch, moment)
        with pytest.raises(RunFailed, match=r"stop; fix that and .* --resume\."):
            augcli_saliency(data, out, *options)
    assert not (out / "maps.jsonl").exists()
    maps = out / ".augcli-maps/maps"
    if moment == "rows":
        (maps / "c0/stray.png").write_bytes(b"of a worker that was killed")
        assert 0 < len(list(maps.rglob("*.png.png"))) < 40
    left: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr("augcli.tasks.maps._remaining", counting(left))
        result = augcli_saliency(data, out, *options, "--resume", "-j", 3, "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert (values["maps"], values["skipped"], values["resumed"]) == (40, 1, True)
    assert (sum(left) == 0) == (moment != "rows") and sum(left) < 41
    assert tree(out) == tree(calm)


def counting(left: list[int]) -> Any:
    from augcli.tasks.maps import _remaining

    def counted(out: Path, count: int) -> Any:
        for start, stop in _remaining(out, count):
            left.append(stop - start)
            yield start, stop

    return counted


def stop_at(patch: pytest.MonkeyPatch, moment: str) -> None:
    """Let a run fail at a moment of its parent."""
    from augcli.store import map_store
    from augcli.tasks import maps

    if moment == "rows":
        usual = map_store.commit

        def commit(out: Path, start: int, *rest: Any) -> None:
            if start > 20:
                raise OSError(errno.EIO, "stop", "x")
            usual(out, start, *rest)

        patch.setattr(maps, "commit", commit)
        return
    replace, rename = Path.replace, Path.rename
    moves = iter(range(100))

    def failing_rename(self: Path, target: Path) -> Path:
        if moment == "publish" and self.parent.name == "maps" and next(moves) == 1:
            raise OSError(errno.EIO, "stop", str(self))
        return rename(self, target)

    def failing_replace(self: Path, target: Path) -> Path:
        if moment == "index" and Path(target).name == map_store.INDEX:
            raise OSError(errno.EIO, "stop", str(self))
        return replace(self, target)

    patch.setattr(Path, "rename", failing_rename)
    patch.setattr(Path, "replace", failing_replace)


def test_a_map_that_its_row_does_not_prove_is_made_again(
    augcli_saliency: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_photos(tmp_path / "data")
    options = ("--saliency", "spectral-residual", "-j", 1)
    calm, out = tmp_path / "calm", tmp_path / "out"
    assert augcli_saliency(data, calm, *options).exit_code == 0
    with monkeypatch.context() as patch:
        stop_at(patch, "index")
        with pytest.raises(RunFailed):
            augcli_saliency(data, out, *options)
    (out / "c1/1.png.png").unlink()
    (out / "c0/0.png.png").write_bytes(b"damaged, or the user's")
    with pytest.raises(UserError, match=r"c0/0.png.png, which is not as it was written"):
        augcli_saliency(data, out, *options, "--resume")
    assert (out / "c0/0.png.png").read_bytes() == b"damaged, or the user's"
    (out / "c0/0.png.png").unlink()
    assert augcli_saliency(data, out, *options, "--resume").exit_code == 0
    assert tree(out) == tree(calm)
    (out / "c2/2.png.png").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"c2/2.png.png, which is not as it was written; move it"):
        augcli_saliency(data, out, *options, "--resume")
    (out / "c2/2.png.png").unlink()
    with pytest.raises(UserError, match=r"c2/2.png.png is missing; give --overwrite"):
        augcli_saliency(data, out, *options, "--resume")
    assert augcli_saliency(data, out, *options, "--overwrite").exit_code == 0
    assert tree(out) == tree(calm)
    assert augcli_saliency(data, out, *options, "--resume").exit_code == 0
    assert tree(out) == tree(calm)


def test_only_the_same_maps_are_resumed(augcli_saliency: Run, tmp_path: Path) -> None:
    data, out = write_photos(tmp_path / "data", 4), tmp_path / "out"
    options = ("--saliency", "spectral-residual")
    assert augcli_saliency(data, out, *options).exit_code == 0
    before = tree(out)
    for name, changed in (
        ("--saliency spectral-residual (now fine-grained)", ("--saliency", "fine-grained")),
        (
            "--saliency spectral-residual (now spectral-residual@16)",
            (*options, "--saliency-size", 16),
        ),
        ("--map-format png (now npy)", (*options, "--map-format", "npy")),
        ("no --overlay (now with it)", (*options, "--overlay")),
        ("--background #ffffff (now #000000)", (*options, "--background", "#000000")),
    ):
        with pytest.raises(UserError, match=re.escape(f"were begun with {name}; resume")):
            augcli_saliency(data, out, *changed, "--resume")
    write_photo(data / "c0/new.png", 9, 30, 20)
    with pytest.raises(
        UserError, match=r"other files in SOURCE: 1 file added \(c0/new.png\); resume"
    ):
        augcli_saliency(data, out, *options, "--resume")
    with pytest.raises(UserError, match=r"holds saliency maps, which are complete; choose"):
        augcli_saliency(data, out, *options)
    with pytest.raises(UserError, match="exclude each other"):
        augcli_saliency(data, out, *options, "--resume", "--overwrite")
    assert tree(out) == before
    assert augcli_saliency(data, out, "--map-format", "npy", "--overwrite").exit_code == 0
    assert len(list(out.rglob("*.npy"))) == 5 and not list(out.rglob("*.png"))


def test_overwrite_replaces_maps_and_nothing_else(
    augcli_saliency: Run, augcli: Augcli, tmp_path: Path
) -> None:
    data = write_photos(tmp_path / "data", 4)
    mine, run, out = tmp_path / "mine", tmp_path / "run", tmp_path / "out"
    mine.mkdir()
    (mine / "maps.jsonl").write_text("")
    assert augcli("generate", data, run, "-r", "flip").returncode == 0
    for folder in (mine, run):
        before = tree(folder)
        for how in ("--overwrite", "--resume"):
            with pytest.raises(UserError, match="and no saliency maps; --"):
                augcli_saliency(data, folder, how)
        with pytest.raises(UserError, match="is not empty"):
            augcli_saliency(data, folder)
        assert tree(folder) == before
    assert augcli_saliency(data, out).exit_code == 0
    for name in ("c0/mine.txt", "notes", "c1/link"):
        if name == "c1/link":
            (out / name).symlink_to(data)
        else:
            (out / name).write_text("mine")
        before = tree(out)
        for how in ("--overwrite", "--resume"):
            with pytest.raises(UserError, match=f"holds {name}, which is none of its maps"):
                augcli_saliency(data, out, how)
        assert tree(out) == before
        (out / name).unlink()
    index = out / "maps.jsonl"
    hostile = json.dumps({**rows(out)[0], "file_name": "../data/c0/0.png"}) + "\n"
    index.write_text(index.read_text() + hostile)
    before = tree(data)
    assert augcli_saliency(data, out, "--overwrite").exit_code == 0
    assert tree(data) == before
    result = augcli("generate", data, out, "-r", "flip", "--overwrite")
    assert (result.returncode, "holds saliency maps, and no run" in result.stderr) == (2, True)


def test_an_overwrite_that_is_stopped_can_be_done_again(
    augcli_saliency: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = write_photos(tmp_path / "data", 6), tmp_path / "out"
    assert augcli_saliency(data, out).exit_code == 0
    before, unlink = tree(out), Path.unlink
    for number in range(0, 12):
        with monkeypatch.context() as patch:
            calls = iter(range(1000))

            def failing(self: Path, missing_ok: bool = False, *, at: int = number) -> None:
                if ".augcli-maps/holder" not in str(self) and next(calls) == at:  # noqa: B023
                    raise OSError(errno.EIO, "stop", str(self))
                unlink(self, missing_ok)

            patch.setattr(Path, "unlink", failing)
            with suppress(RunFailed):
                augcli_saliency(data, out, "--overwrite")
        how = "--overwrite" if number % 2 else "--resume"
        assert augcli_saliency(data, out, how).exit_code == 0
        assert tree(out) == before


def test_maps_killed_at_random_resume(augcli: Augcli, tmp_path: Path) -> None:
    """SIGKILL of the whole run, again and again."""
    data = write_photos(tmp_path / "data")
    calm, out = tmp_path / "calm", tmp_path / "out"
    assert augcli("saliency", data, calm, "-q").returncode == 0
    for number in range(12):
        process = subprocess.Popen(
            [sys.executable, "-m", "augcli", "saliency", str(data), str(out), "-q", "--resume"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            process.wait(0.35 + 0.04 * number)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
    assert augcli("saliency", data, out, "-q", "--resume").returncode == 0
    assert tree(out) == tree(calm)


def test_out_is_apart_from_the_source(augcli_saliency: Run, augcli: Augcli, tmp_path: Path) -> None:
    data = write_photos(tmp_path / "data", 4)
    (tmp_path / "way").symlink_to(data)
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for place, message in (
        ("way/maps", "one inside the other"), ("way", "one inside the other"),
        (".", "one inside the other"), ("dangling", "is a link to nothing"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            augcli_saliency(data, tmp_path / place)
    listed = "\n".join(map(str, data.rglob("*.png"))).encode()
    result = augcli("saliency", "-", data / "c0", stdin=listed)
    assert (result.returncode, "is not empty" in result.stderr) == (2, True)


def test_two_runs_of_maps_cannot_share_out(augcli: Augcli, tmp_path: Path) -> None:
    from augcli.store.lock import holding

    data, out = write_photos(tmp_path / "data", 4), tmp_path / "out"
    with holding(out, ".augcli-maps"):
        result = augcli("saliency", data, out)
    assert result.returncode == 2
    assert f"is in use by process {os.getpid()} on " in result.stderr


def test_maps_killed_after_their_index_are_tidied(augcli: Augcli, tmp_path: Path) -> None:
    data, out = write_photos(tmp_path / "data"), tmp_path / "out"
    assert augcli("saliency", data, out, "-q").returncode == 0
    before = tree(out)
    state = out / ".augcli-maps"
    (state / "maps").mkdir()
    (state / "rows").mkdir()
    (state / "rows/0000000000-0000000099.jsonl").write_bytes((out / "maps.jsonl").read_bytes())
    assert augcli("saliency", data, out, "-q", "--resume").returncode == 0
    assert tree(out) == before
    assert not (state / "maps").exists() and not (state / "rows").exists()
