"""OUT as samples in tar archives: what they hold, where they end, and that nothing undoes them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from augcli.data import tar_blocks
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels, Originals, OtherSplits, Pair
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.augmix import AugMix
from augcli.recipes.cutmix import CutMix
from augcli.store.sinks import archives
from augcli.store.sinks.shard_size import Limits, limits_of, size_text
from tests.conftest import write_photo
from tests.helpers.runs import make_run, run_over
from tests.helpers.tar_runs import archives_in, check_same, make, members, published


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two classes of 20 images, one of them damaged, and a split of four."""
    for number in range(40):
        write_photo(tmp_path / "source/train" / "ab"[number % 2] / f"{number}.jpg", number, 16, 12)
    for number in range(4):
        folder = tmp_path / "source/val" / "ab"[number % 2]
        write_photo(folder / f"{number}.{'png' if number == 3 else 'jpg'}", 100 + number, 9, 12)
    (tmp_path / "source/train/a/4.jpg").write_bytes(b"no image")
    return tmp_path / "source"


def test_headers_are_those_of_python_with_nothing_of_time_and_owner() -> None:
    for name, size in [("a", 0), ("0123456789abcdef.jpg", 1), ("x" * 100, 8**11 - 1)]:
        info = tarfile.TarInfo(name)
        info.size = size
        expected = info.tobuf(tarfile.USTAR_FORMAT)
        assert len(expected) == 512
        # Which writes zeros as digits where there is no device, or none, by its version.
        ours = tar_blocks.header(name.encode(), size)
        assert tarfile.TarInfo.frombuf(ours, "utf-8", "strict").size == size
        assert [ours[:148], ours[156:329]] == [expected[:148], expected[156:329]]
    member = tar_blocks.member(b"a.txt", b"text")
    assert len(member) == tar_blocks.length(4) == 1024
    with tarfile.open(fileobj=io.BytesIO(member + tar_blocks.END)) as tar:
        (info,) = tar.getmembers()
        assert (info.name, info.mode, info.uid, info.gid, info.mtime) == ("a.txt", 0o644, 0, 0, 0)
        assert (info.uname, info.gname, info.type) == ("", "", tarfile.REGTYPE)
    for name, size in [("x" * 101, 1), ("", 1), ("a", 8**11), ("a", -1)]:
        with pytest.raises(ValueError, match="extended header"):
            tar_blocks.header(name.encode(), size)


def test_everything_that_a_folder_has(source: Path, tmp_path: Path) -> None:
    options = {"copies": 2, "include_originals": Originals.copy, "other_splits": OtherSplits.copy}
    plain = make(run_over(source, tmp_path / "plain", **options))
    run = run_over(source, tmp_path / "out", sink="webdataset", shard_size="30", **options)
    out = make(run, workers=2)
    rows = check_same(plain, out)
    assert len(rows) == 39 * 3
    assert archives_in(out / "train") == [f"train-{n:06d}.tar" for n in range(4)]
    assert [len(members(out / "train" / n)) // 3 for n in archives_in(out / "train")] == [
        30, 30, 30, 27,
    ]  # fmt: skip
    assert len(check_same(plain, out, "val")) == 4
    assert archives_in(out / "val") == ["val-000000.tar"]
    for name in ("classes.txt", "errors.jsonl"):
        assert (out / name).read_bytes() == (plain / name).read_bytes()
    record, other = (json.loads((o / "run.json").read_text()) for o in (out, plain))
    assert record["tars"] == {
        split: {p.name: p.stat().st_size for p in sorted((out / split).glob("*.tar"))}
        for split in ("train", "val")
    }
    assert (record["sink"], record["shard_size"], record["counts"]) == (
        "webdataset", "30", other["counts"],
    )  # fmt: skip
    assert sorted(p.name for p in (out / "train").iterdir()) == [
        "metadata.jsonl", *archives_in(out / "train"),
    ]  # fmt: skip
    assert not (out / ".augcli/parts").exists()


@pytest.mark.parametrize("labels", [Labels.multi, Labels.none])
def test_images_of_several_classes_and_of_none(tmp_path: Path, labels: Labels) -> None:
    source, lines = tmp_path / "source", ["file_name,label"]
    for number in range(6):
        write_photo(source / f"{number}.jpg", number, 16, 12)
        lines.append(f"{number}.jpg,{'a|b' if number % 2 else 'c'}")
    if labels is Labels.multi:
        (source / "metadata.csv").write_text("\n".join(lines))
    separator = {"label_separator": "|"} if labels is Labels.multi else {}
    listing = list_source(source, SourceOptions(labels=labels, **separator))
    pipeline = Pipeline("cutmix", (Step(CutMix()),))
    runs = [
        make_run(listing, pipeline, tmp_path / sink / ".augcli", sink=sink, labels=labels)
        for sink in ("folder", "webdataset")
    ]
    rows = check_same(make(runs[0]), make(runs[1]))
    assert len(rows) == 6
    (name,) = archives_in(tmp_path / "webdataset/train")
    suffixes = {n.partition(".")[2] for n in members(tmp_path / "webdataset/train" / name)}
    assert suffixes == {"jpg", "json"}, "no class has an id"


def test_balanced_classes(source: Path, tmp_path: Path) -> None:
    options = {"per_class": 7, "pair": Pair.balanced}
    plain = make(run_over(source, tmp_path / "plain", **options))
    out = make(run_over(source, tmp_path / "out", sink="webdataset", **options))
    assert len(check_same(plain, out)) == 13


def test_views_of_a_group_stay_in_one_archive(source: Path, tmp_path: Path) -> None:
    pipeline = Pipeline("augmix", (Step(AugMix(views=2)),))
    listing = list_source(source)
    several: dict[str, dict[str, Any]] = {
        "plain": {},
        "out": {"sink": "webdataset", "shard_size": "10"},
        "small": {"sink": "webdataset", "shard_size": "1"},
    }
    outs = [
        make(make_run(listing, pipeline, tmp_path / name / ".augcli", **options))
        for name, options in several.items()
    ]
    rows = check_same(outs[0], outs[1])
    assert check_same(outs[0], outs[2])[3]["view"] == "orig"
    assert len(rows) == 39 * 3
    archive_of: dict[str, set[str]] = {}
    for row in rows:
        archive_of.setdefault(row["group_id"], set()).add(row["file_name"].partition("/")[0])
    assert set(map(len, archive_of.values())) == {1}
    assert len(archives_in(outs[1] / "train")) == 13, "three groups of three each"
    assert len(archives_in(outs[2] / "train")) == 39, "a group is more than one, and not divided"
    assert [row["view"] for row in rows[:6]] == ["orig", "aug1", "aug2"] * 2


def test_an_archive_ends_by_its_bytes(source: Path, tmp_path: Path) -> None:
    out = make(run_over(source, tmp_path / "out", sink="webdataset", shard_size="20K"))
    sizes = [(out / "train" / name).stat().st_size for name in archives_in(out / "train")]
    assert len(sizes) > 3
    assert max(sizes) <= 20 << 10
    first = [archive_sizes(out / "train" / name)[0] for name in archives_in(out / "train")[1:]]
    assert all(size + more > 20 << 10 for size, more in zip(sizes, first, strict=False))


def archive_sizes(archive: Path) -> list[int]:
    """The bytes of each sample."""
    sizes: dict[str, int] = {}
    for name, data in members(archive).items():
        key = name.partition(".")[0]
        sizes[key] = sizes.get(key, 0) + tar_blocks.length(len(data))
    return list(sizes.values())


def test_limits() -> None:
    assert limits_of(None) == Limits(10_000, 1 << 30)
    assert limits_of("7") == Limits(7, None)
    assert limits_of("500M") == Limits(None, 500 << 20)
    assert [size_text(n) for n in (1 << 30, 3 << 19, 1000)] == ["1G", "1536K", "1000B"]
    for text in ("", "0", "-1", "1.5G", "G", "1 G", "١"):
        with pytest.raises(ValueError, match="is no number of samples"):
            limits_of(text)


def test_the_same_bytes_whoever_makes_them(source: Path, tmp_path: Path) -> None:
    options = {"copies": 2, "sink": "webdataset", "shard_size": "13"}
    several = [
        make(run_over(source, tmp_path / str(workers), **options), workers=workers)
        for workers in (1, 3)
    ]
    assert published(several[0]) == published(several[1])
    assert len(published(several[0])) == 9


def test_the_same_bytes_without_copies_in_the_kernel(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"copies": 2, "sink": "webdataset", "shard_size": "13"}
    one = make(run_over(source, tmp_path / "one", **options))
    monkeypatch.setattr(archives, "_IN_KERNEL", None)
    assert published(make(run_over(source, tmp_path / "other", **options))) == published(one)
