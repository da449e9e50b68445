"""OUT as samples in tar archives: what they hold, where they end, and that nothing undoes them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from augcli.data import tar_blocks
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.engine.plan import Run
from augcli.enums import Format, Labels, Originals, OtherSplits, Pair
from augcli.errors import RunFailed
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.augmix import AugMix
from augcli.recipes.cutmix import CutMix
from augcli.store.sinks import archives
from augcli.store.sinks.shard_size import Limits, limits_of, size_text
from tests.conftest import ROOT, Augcli, tree, write_photo
from tests.helpers.runs import generate, make_run, run_over, with_options


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


def make(run: Run, *, workers: int = 1, resume: bool = False) -> Path:
    generate(run, source={"source": str(run.listing.root)}, workers=workers, resume=resume)
    return run.runtime.place.out


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").open()]


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        files = {one.name: tar.extractfile(one) for one in tar.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def archives_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.tar"))


def published(out: Path) -> dict[str, str]:
    """The files of OUT but those that a run keeps for itself, and that with its timings."""
    return {
        name: digest
        for name, digest in tree(out).items()
        if not name.startswith(".augcli/") and name != "run.json"
    }


def check_same(plain: Path, packed: Path, split: str = "train") -> list[dict[str, Any]]:
    """The archives of a split have the images, rows and labels of an OUT of folders, in the order
    of its manifest."""
    expected, rows = rows_of(plain / split), rows_of(packed / split)
    assert [row | {"file_name": ""} for row in rows] == [r | {"file_name": ""} for r in expected]
    contents = {name: members(packed / split / name) for name in archives_in(packed / split)}
    in_order = [f"{name}/{member}" for name in contents for member in contents[name]]
    named = []
    for row, other in zip(rows, expected, strict=True):
        archive, image = row["file_name"].split("/")
        key, _, suffix = image.partition(".")
        assert (key, f".{suffix}") == (row["sample_id"], Path(other["file_name"]).suffix)
        data = contents[archive][image]
        assert data == (plain / split / other["file_name"]).read_bytes()
        assert json.loads(contents[archive][f"{key}.json"]) == row | {"file_name": image}
        named += [row["file_name"], f"{archive}/{key}.json"]
        if "label" in row:
            assert contents[archive][f"{key}.cls"] == str(row["label"]).encode()
            named.append(f"{archive}/{key}.cls")
    assert in_order == named, "and nothing else, in the order of rows"
    return rows


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


def test_an_original_with_an_ending_of_another_member(tmp_path: Path) -> None:
    """A list of paths may name any file."""
    from augcli.data.source import list_paths
    from augcli.enums import LabelsFrom

    names = [f"{folder}/{number}.{end}" for folder in "ab" for number, end in enumerate(
        ("json", "cls", "JPG"))]  # fmt: skip
    for number, name in enumerate(names):
        write_photo(tmp_path / name, number, 16, 12, format="JPEG")
    paths = io.BytesIO("\n".join(names).encode())
    listing = list_paths(paths, LabelsFrom.parent, str(tmp_path))
    run = make_run(
        listing, Pipeline("cutmix", (Step(CutMix()),)), tmp_path / "out/.augcli",
        sink="webdataset", include_originals=Originals.copy,
    )  # fmt: skip
    out = make(run)
    files = members(out / "train/train-000000.tar")
    for row in rows_of(out / "train"):
        data = files[row["file_name"].partition("/")[2]]
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
    assert len(files) == 3 * 12


@pytest.mark.parametrize("harm", ["cut", "other", "gone", "rows", "zeros", "orphan"])
def test_a_damaged_piece_is_made_again(source: Path, tmp_path: Path, harm: str) -> None:
    from augcli.engine.job import identity
    from augcli.engine.shard import run_shard
    from augcli.enums import Existing
    from augcli.store.journal import begin
    from augcli.store.lock import holding

    calm = make(run_over(source, tmp_path / "calm", copies=2, sink="webdataset"))
    run = run_over(source, tmp_path / "out", copies=2, sink="webdataset")
    now = identity(run.job, run.listing)
    with holding(tmp_path / "out"):
        begin(tmp_path / "out", now, run.listing, Existing.refuse)
    run.sink.begin(run.runtime.place, now, resumed=False)
    first, second, *_ = run.plan.shards()
    pieces: list[Path] = []
    for shard in (first, second):
        run_shard(run, shard)
        pieces.append(part_of(run, shard).piece)
    data = bytearray(pieces[0].read_bytes())
    if harm == "cut":
        pieces[0].write_bytes(data[:-1])
    elif harm == "other":
        data[700] ^= 1
        pieces[0].write_bytes(data)
    elif harm == "zeros":
        pieces[0].write_bytes(bytes(len(data)))
    elif harm == "rows":
        place = data.index(b'"lam"')
        data[place : place + 5] = b'"mal"'
        pieces[0].write_bytes(data)
    elif harm == "gone":
        pieces[0].unlink()
    else:
        part_of(run, first).path.unlink()
    (pieces[0].parent / "00000007-00000-00009.tar.99.tmp").write_bytes(b"of a killed worker")
    run.sink.begin(run.runtime.place, now, resumed=True)
    assert [one.shard for one in run.sink.committed(run.runtime.place)] == [second]
    names = {path.name for path in pieces[0].parent.iterdir()}
    left = {pieces[1].name, f"{pieces[1].stem}.rows"} | (
        set() if harm in ("orphan", "gone") else {pieces[0].name}
    )
    assert names <= left
    out = make(run, resume=True)
    assert published(out) == published(calm)


def part_of(run: Run, shard: Any) -> Any:
    return next(run.sink.committed(run.runtime.place, shard))


def test_a_piece_that_is_damaged_while_the_run_goes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augcli.tasks import generate as module

    usual = module._make_shards

    def and_harm(run: Run, on_report: Any) -> int:
        deaths = usual(run, on_report)
        next((run.runtime.state / "parts").glob("*.tar")).write_bytes(b"")
        return deaths

    run = run_over(source, tmp_path / "out", sink="webdataset")
    monkeypatch.setattr(module, "_make_shards", and_harm)
    with pytest.raises(RunFailed, match=r"is not as a worker wrote it: .* with --resume\.$"):
        make(run)
    assert not (tmp_path / "out/train").exists()
    monkeypatch.undo()
    calm = make(run_over(source, tmp_path / "calm", sink="webdataset"))
    assert published(make(run, resume=True)) == published(calm)


def test_what_a_finished_run_lacks_is_said(source: Path, tmp_path: Path) -> None:
    run = run_over(source, tmp_path / "out", sink="webdataset", shard_size="13")
    out = make(run)
    before = tree(out)
    assert make(run, resume=True) == out
    assert tree(out) == before
    archive = out / "train/train-000001.tar"
    data = archive.read_bytes()
    archive.write_bytes(data[:-512])
    with pytest.raises(
        RunFailed, match=rf"000001.tar has {len(data) - 512} bytes where its run wrote {len(data)};"
    ):
        make(run, resume=True)
    archive.unlink()
    with pytest.raises(RunFailed, match=r"train-000001.tar is missing; `augcli verify"):
        make(run, resume=True)


KILLED = """
import os, sys
from pathlib import Path
from augcli.__main__ import main
at, parent, count = int(sys.argv.pop(1)), os.getpid(), 0
def step(usual):
    def stepped(*arguments, **options):
        global count
        if os.getpid() == parent:
            count += 1
            if count == at:
                os.kill(parent, 9)
        return usual(*arguments, **options)
    return stepped
Path.replace, Path.unlink, Path.rename, os.fsync, os.copy_file_range = map(
    step, (Path.replace, Path.unlink, Path.rename, os.fsync, os.copy_file_range)
)
main()
"""


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_step_of_its_end(source: Path, tmp_path: Path) -> None:
    """One run after the other goes on for some steps, until one comes to the end."""
    calm, out = tmp_path / "calm", tmp_path / "out"
    options = [str(source), "-r", "cutmix", "-q", "--output-format", "webdataset",
               "--shard-size", "13", "-j", "1", "--max-errors", "1"]  # fmt: skip
    command = [sys.executable, "-c", KILLED]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "0", "generate", options[0], str(calm), *options[1:]],
                   env=environment, check=True, timeout=100)  # fmt: skip
    codes = []
    for step in (9, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30, 1000):
        arguments = ["generate", options[0], str(out), *options[1:]]
        arguments += ["--resume"] if out.exists() else []
        result = subprocess.run([*command, str(step), *arguments], env=environment, timeout=100,
                                capture_output=True, text=True, check=False)  # fmt: skip
        codes.append(result.returncode)
        if (out / "train").exists():
            assert published(out) == published(calm) or not (out / "run.json").exists()
        if result.returncode == 0 and step < 1000:
            continue
        assert result.returncode in (0, -9), result.stderr
    assert codes[-1] == 0
    assert codes.count(-9) >= 4, "it was killed on its way"
    assert published(out) == published(calm)
    assert not (out / ".augcli/parts").exists()


def test_kills_at_any_moment_leave_the_same_bytes(tmp_path: Path) -> None:
    """SIGKILL to the parent, four times, whatever it and its workers are about."""
    source = tmp_path / "source"
    for number in range(160):
        write_photo(source / "ab"[number % 2] / f"{number}.jpg", number, 32, 32)
    options = [str(source), "-r", "cutmix", "-k", "2", "-q", "-j", "2", "--output-format",
               "webdataset", "--shard-size", "100"]  # fmt: skip
    calm, out = tmp_path / "calm", tmp_path / "out"
    command = [sys.executable, "-m", "augcli", "generate", options[0]]
    subprocess.run([*command, str(calm), *options[1:]], cwd=ROOT, check=True, timeout=100)
    kills = 0
    for number in range(4):
        more = ["--resume"] if number else []
        process = subprocess.Popen([*command, str(out), *options[1:], *more], cwd=ROOT)
        deadline = time.monotonic() + 60
        while process.poll() is None and len(list(out.glob(".augcli/parts/*.rows"))) < 1 + number:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait(timeout=60)
    assert kills >= 3
    subprocess.run([*command, str(out), *options[1:], "--resume"], cwd=ROOT, check=True,
                   timeout=100)  # fmt: skip
    assert published(out) == published(calm)
    assert len(archives_in(out / "train")) == 4


def test_the_webdataset_package_reads_it(source: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    options = {"copies": 2, "sink": "webdataset", "shard_size": "30"}
    out = make(run_over(source, tmp_path / "out", **options))
    pattern = str(out / "train/train-{000000..000002}.tar")
    data = webdataset.WebDataset(pattern, shardshuffle=False).decode("pil")
    samples = list(data)
    rows = rows_of(out / "train")
    assert [sample["__key__"] for sample in samples] == [row["sample_id"] for row in rows]
    for sample, row in zip(samples, rows, strict=True):
        assert sample["cls"] == row["label"]
        image = sample["jpg"]
        assert isinstance(image, Image.Image) and image.size == (row["width"], row["height"])
        assert sample["json"]["label_weights"] == row["label_weights"]
    tuples = webdataset.WebDataset(pattern, shardshuffle=False).decode("rgb8")
    (images, labels), *_ = tuples.to_tuple("jpg", "cls").batched(78)
    assert (len(images), list(labels)) == (78, [row["label"] for row in rows])


class TestCommand:
    """`augcli generate ... --output-format webdataset`."""

    def test_it_makes_tars(self, augcli: Augcli, source: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        result = augcli("generate", source, out, "-r", "cutmix", "--output-format", "webdataset",
                        "--shard-size", "20", "--json")  # fmt: skip
        assert result.returncode == 1, "an input was skipped"
        assert json.loads(result.stdout)["outputs"] == 39
        assert archives_in(out / "train") == ["train-000000.tar", "train-000001.tar"]
        assert archives_in(out / "val") == ["val-000000.tar"], "copies, as tars hold no links"
        record = json.loads((out / "run.json").read_text())
        assert (record["other_splits"], record["shard_size"]) == ("copy", "20")

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ("--shard-size 20", "--shard-size has no effect unless outputs are kept in tars; add"
             " --output-format webdataset, or leave it out."),
            ("--output-format folder --shard-size 1G", "--shard-size has no effect unless outputs"
             " are kept in tars; add --output-format webdataset, or leave it out."),
            ("--output-format webdataset --include-originals link", "--include-originals link"
             " cannot link into the tars of --output-format webdataset; give --include-originals"
             " copy."),
            ("--output-format webdataset --other-splits link", "--other-splits has no effect as"
             " link with --output-format webdataset, whose tars hold copies; give --other-splits"
             " copy."),
            ("--output-format webdataset --shard-size 0", "--shard-size 0 is no number of samples;"
             " give 1 to 10000000000."),
            ("--output-format webdataset --shard-size many", "--shard-size many is no size; write"
             " bytes like 500M or 1GB, or a number of samples like 10000."),
            ("--output-format webdataset --shard-size 1K", "--shard-size 1K is less than 10240"
             " bytes, which an archive of one small image has; give more."),
        ],
    )  # fmt: skip
    def test_what_is_refused(
        self, augcli: Augcli, source: Path, tmp_path: Path, options: str, sentence: str
    ) -> None:
        result = augcli(
            "generate", source, tmp_path / "out", "-r", "cutmix", *options.split(), "-q"
        )
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"augcli: {sentence}\n"
        assert not (tmp_path / "out").exists()

    def test_another_size_is_another_run(
        self, augcli: Augcli, source: Path, tmp_path: Path
    ) -> None:
        command = ["generate", source, tmp_path / "out", "-r", "flip", "--max-errors", "1", "-q",
                   "--output-format", "webdataset"]  # fmt: skip
        assert augcli(*command, "--shard-size", "0.5GB").returncode == 0
        assert augcli(*command, "--shard-size", "512 MiB", "--resume").returncode == 0
        result = augcli(*command, "--resume")
        assert result.returncode == 2
        assert "was begun with --shard-size 512M (now none); resume with" in result.stderr
        result = augcli(*command[:-2], "--resume")
        assert "--output-format webdataset (now folder), --shard-size 512M (now" in result.stderr
        assert augcli(*command, "--overwrite").returncode == 0
        assert archives_in(tmp_path / "out/train") == ["train-000000.tar"]


def test_options_of_a_run_do_not_change_its_images(source: Path, tmp_path: Path) -> None:
    run = run_over(source, tmp_path / "out")
    other = with_options(run, sink="webdataset", shard_size="7")
    assert other.job.digest == run.job.digest
    assert "shard_size" not in run.job.to_json()


def test_an_unfinished_run_is_replaced(source: Path, tmp_path: Path) -> None:
    from augcli.engine.job import identity
    from augcli.engine.shard import run_shard
    from augcli.enums import Existing
    from augcli.store.journal import begin
    from augcli.store.lock import holding

    run = run_over(source, tmp_path / "out", sink="webdataset")
    now = identity(run.job, run.listing)
    with holding(tmp_path / "out"):
        begin(tmp_path / "out", now, run.listing, Existing.refuse)
    run.sink.begin(run.runtime.place, now, resumed=False)
    run_shard(run, next(run.plan.shards()))
    (run.runtime.state / "train/train-000000.tar").write_bytes(b"of a run that was killed")
    plain = run_over(source, tmp_path / "out")
    generate(plain, source={"source": str(source)}, overwrite=True)
    assert not list((tmp_path / "out").rglob("*.tar"))
    check_folder = make(run_over(source, tmp_path / "calm"))
    assert published(tmp_path / "out") == published(check_folder)


@pytest.mark.parametrize("name", [".augcli/train/mine.tar", ".augcli/train/a/1.jpg"])
def test_what_appears_while_a_run_ends_is_not_published(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from augcli.tasks import generate as module

    usual, out = module._make_shards, tmp_path / "out"

    def and_more(run: Run, on_report: Any) -> int:
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"somebody's")
        return usual(run, on_report)

    monkeypatch.setattr(module, "_make_shards", and_more)
    with pytest.raises(RunFailed, match=r"appeared while the run went on and is not its own"):
        make(run_over(source, out, sink="webdataset"))
    assert (out / name).read_bytes() == b"somebody's"
    assert not (out / "train").exists()


@pytest.mark.parametrize("written", [Format.png, Format.webp])
def test_other_formats(source: Path, tmp_path: Path, written: Format) -> None:
    plain = make(run_over(source, tmp_path / "plain", format=written))
    out = make(run_over(source, tmp_path / "out", sink="webdataset", format=written))
    rows = check_same(plain, out)
    assert {Path(row["file_name"]).suffix for row in rows} == {f".{written}"}
