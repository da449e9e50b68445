"""What is done with a finished OUT of archives: verify, replay, repair, replace, augment again."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from augcli.enums import OtherSplits
from augcli.errors import UserError
from augcli.manifest.verify import verify
from augcli.store.removal import remove_run
from augcli.tasks.repair import repair
from augcli.tasks.replay import replay
from tests.conftest import Augcli, tree, write_photo
from tests.helpers.runs import run_over, runtime_of
from tests.helpers.tar_harms import archive, make, members, patch, published, rows_of, write


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a source of two classes, with a split, and of `out` with three archives of ten
    samples and one of the split."""
    place = tmp_path_factory.mktemp("made")
    for number in range(30):
        write_photo(place / "source/train" / "ab"[number % 2] / f"{number}.jpg", number, 16, 12)
    for number in range(3):
        write_photo(place / "source/val" / "ab"[number % 2] / f"{number}.jpg", number + 50, 9, 12)
    make(run_over(place / "source", place / "out", sink="webdataset", shard_size="10",
                  other_splits=OtherSplits.copy))  # fmt: skip
    return place


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "out", tmp_path / "out"))


def test_a_finished_run_is_right(made: Path) -> None:
    verified = verify(made / "out")
    assert (verified.rows, verified.faults) == (33, [])
    assert list(replay(runtime_of(made / "out"))) == []
    assert published(made / "out").keys() == {
        "classes.txt", "errors.jsonl", "run.json", "train/metadata.jsonl", "train/train-000000.tar",
        "train/train-000001.tar", "train/train-000002.tar", "val/metadata.jsonl",
        "val/val-000000.tar",
    }  # fmt: skip


def other_image(out: Path) -> None:
    data = archive(out).read_bytes()
    archive(out).write_bytes(data[:700] + bytes([data[700] ^ 1]) + data[701:])


def other_label(out: Path) -> None:
    several = members(archive(out))
    several[2] = (several[2][0], b"7")
    write(archive(out), several)


def other_row(out: Path) -> None:
    patch(archive(out), b'"lam":', b'"mal":')


def in_another_order(out: Path) -> None:
    several = members(archive(out))
    write(archive(out), several[3:] + several[:3])


def a_member_twice(out: Path) -> None:
    several = members(archive(out))
    write(archive(out), several + several[:1])


def without_a_row(out: Path) -> None:
    several = members(archive(out))
    write(archive(out), several[:1] + several[2:])


def of_somebody(out: Path) -> None:
    with tarfile.open(archive(out), "a") as tar:
        info = tarfile.TarInfo("mine.txt")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))


def a_link_inside(out: Path) -> None:
    several = members(archive(out))
    with tarfile.open(archive(out), "w") as tar:
        for number, (name, data) in enumerate(several):
            info = tarfile.TarInfo(name)
            if number == 0:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(info)
                continue
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def cut(out: Path) -> None:
    data = archive(out).read_bytes()
    archive(out).write_bytes(data[: len(data) - 5000])


def with_a_tail(out: Path) -> None:
    with archive(out).open("ab") as file:
        file.write(b"tail")


def in_the_padding(out: Path) -> None:
    with tarfile.open(archive(out)) as tar:
        first = tar.getmembers()[0]
    with archive(out).open("r+b") as file:
        file.seek(first.offset_data + first.size)
        file.write(b"x")


def of_another_time(out: Path) -> None:
    with tarfile.open(archive(out)) as tar:
        info = tar.getmembers()[0]
    info.mtime = 5
    with archive(out).open("r+b") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))


def no_archive(out: Path) -> None:
    archive(out).write_bytes(b"no archive" * 100)


def gone(out: Path) -> None:
    archive(out).unlink()


def a_link(out: Path) -> None:
    archive(out).rename(out / "elsewhere.tar")
    archive(out).symlink_to(out / "elsewhere.tar")


def exchanged(out: Path) -> None:
    first, second = archive(out).read_bytes(), archive(out, 1).read_bytes()
    archive(out).write_bytes(second)
    archive(out, 1).write_bytes(first)


FIRST, ROW, LABEL = (
    "train-000000.tar/{0}.jpg",
    "train-000000.tar/{0}.json",
    "train-000000.tar/{0}.cls",
)
TAR = "train-000000.tar"
HARMS: dict[Callable[[Path], None], list[tuple[str, str]]] = {
    other_image: [(FIRST, "the file's sha256 is not the row's")],
    other_label: [(LABEL, "it is not the label in the manifest")],
    other_row: [(ROW, "it is not the row in the manifest")],
    in_another_order: [(TAR, "its members stand in another order than the rows")],
    a_member_twice: [(TAR, "a member stands in the archive twice")],
    without_a_row: [(ROW, "the file is missing")],
    of_somebody: [(f"{TAR}/mine.txt", "no row names this member of the archive")],
    a_link_inside: [(FIRST, "it is no plain file in the archive")],
    cut: [(TAR, "it is no whole tar archive: it breaks off, or a header in it is broken")],
    with_a_tail: [(TAR, "there are bytes between its members, or behind the last, that are of"
                   " none")],
    in_the_padding: [(FIRST, "there are bytes between its members, or behind the last, that are of"
                      " none")],
    of_another_time: [(FIRST, "its header in the archive is not as the run wrote it")],
    no_archive: [(FIRST, "the file is missing"),
                 (TAR, "it is no whole tar archive: it breaks off, or a header in it is broken")],
    gone: [(FIRST, "its archive is missing")],
    a_link: [(FIRST, "its archive is a link, which is not followed"),
             (TAR, "it is a link, which is not followed")],
    exchanged: [(FIRST, "the file is missing"), (ROW, "the file is missing"),
                ("train-000001.tar/{0}.jpg", "no row names this member of the archive")],
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_harm_is_named_and_repaired(made: Path, out: Path, harm: Callable[[Path], None]) -> None:
    key = rows_of(out)[0]["sample_id"]
    harm(out)
    harmed = archive(out).read_bytes() if archive(out).exists() else b""
    verified = verify(out)
    there = {(fault.where, fault.what) for fault in verified.faults}
    assert {(where.format(key), what) for where, what in HARMS[harm]} <= there
    if harm not in (gone, no_archive, a_link, exchanged, cut, a_member_twice, without_a_row):
        others = {what for _, what in there}
        assert others <= {what for _, what in HARMS[harm]} | {
            "its header in the archive is not as the run wrote it",  # Python's, which differ
            "there are bytes between its members, or behind the last, that are of none",
        }
    if harm is a_link:
        with pytest.raises(UserError, match=r"000000.tar is a link, and nothing is written throug"):
            repair(runtime_of(out), verified.wrong)
        return
    repaired = repair(runtime_of(out), verified.wrong)
    assert repaired.faults == []
    assert published(out) == published(made / "out")
    assert verify(out).faults == []
    left = [path.name for path in (out / ".augcli").rglob("*.tar*")]
    if harm is of_somebody:
        assert left == ["train-000000.tar.1"], "what is somebody's stays"
        assert (out / ".augcli/replaced/train-000000.tar.1").read_bytes() == harmed
    else:
        assert left == []
    assert not (out / ".augcli/repair").exists()


def test_only_what_is_wrong_is_written_again(out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*.tar")}
    other_image(out)
    repair(runtime_of(out), verify(out).wrong)
    after = {path: path.stat().st_mtime_ns for path in out.glob("*/*.tar")}
    assert {path for path in before if after[path] != before[path]} == {archive(out)}


def test_a_manifest_that_is_lost(made: Path, out: Path) -> None:
    (out / "train/metadata.jsonl").unlink()
    other_image(out)
    verified = verify(out)
    assert ("metadata.jsonl", "the file is missing") in verified.faults
    repair(runtime_of(out), verified.wrong)
    assert published(out) == published(made / "out")


def test_rows_of_other_archives(made: Path, out: Path) -> None:
    """A name that another run might have written is not of this one."""
    lines = (out / "train/metadata.jsonl").read_text().splitlines(keepends=True)
    lines[0] = lines[0].replace("train-000000.tar", "../../x-000000.tar")
    lines[1] = lines[1].replace("train-000000.tar", "x-000000.tar")
    (out / "train/metadata.jsonl").write_text("".join(lines))
    verified = verify(out)
    there = [(fault.where.rpartition("/")[0], fault.what) for fault in verified.faults]
    assert (
        "../../x-000000.tar",
        "the file name is not <archive>.tar/<sample_id>.<format>",
    ) in there
    assert ("x-000000.tar", "its archive is missing") in there
    repair(runtime_of(out), verified.wrong)
    (out / ".augcli/replaced/metadata.jsonl.1").unlink()
    assert published(out) == published(made / "out")


def test_a_source_that_has_changed_is_not_put_in(made: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(made / "source", tmp_path / "source"))
    out = make(run_over(source, tmp_path / "out", sink="webdataset", shard_size="10"))
    size = (source / "train/a/0.jpg").stat().st_size
    data = (source / "train/a/2.jpg").read_bytes()
    (source / "train/a/0.jpg").write_bytes(data.ljust(size, b"\0"))
    row = next(row for row in rows_of(out) if row["source_paths"][0] == "a/0.jpg")
    place, name = row["file_name"].split("/")
    several = dict(members(out / "train" / place))
    patch(out / "train" / place, several[name], several[name][:-1] + b"x")
    harmed = published(out)
    (fault,) = repair(runtime_of(out), verify(out).wrong).faults
    assert "made again it is another image than its row says, as SOURCE is not as it" in fault.what
    assert published(out) == harmed, "it stays as it is"


def test_replacing_a_run(made: Path, out: Path) -> None:
    folder = run_over(made / "source", out)
    make(folder, overwrite=True)
    assert not list(out.glob("*/*.tar"))
    assert verify(out).faults == []
    make(run_over(made / "source", out, sink="webdataset", shard_size="10",
                  other_splits=OtherSplits.copy), overwrite=True)  # fmt: skip
    assert sorted(published(out)) == sorted(published(made / "out"))
    assert verify(out).faults == []
    remove_run(out)
    assert [path for path in out.rglob("*") if path.name not in (".augcli", "lock")] == [
        out / ".augcli/removal.json"
    ]


@pytest.mark.parametrize("name", ["train/mine.tar", "train/train-000007.tar", "train/a/1.jpg",
                                  "val/val-000001.tar"])  # fmt: skip
def test_what_no_run_wrote_is_not_removed(out: Path, name: str) -> None:
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_bytes(b"somebody's")
    before = tree(out)
    with pytest.raises(UserError, match=f"{name} is nothing that a run writes; move it away"):
        remove_run(out)
    assert tree(out) == before


def test_the_command(augcli: Augcli, out: Path, tmp_path: Path) -> None:
    assert (
        "33 rows and their files agree, 33 made again." in augcli("verify", out, "--replay").stdout
    )
    other_image(out)
    result = augcli("verify", out)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.endswith(
        f"`augcli verify {out} --repair` makes again what is missing or broken.\n"
    )
    assert augcli("verify", out, "--repair").returncode == 0
    result = augcli("generate", out, tmp_path / "again", "-r", "mixup", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["outputs"] == 30
    assert json.loads(result.stdout)["splits"] == {"val": 3}
