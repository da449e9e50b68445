"""WebDataset: several archives as one source, what labels mean there, splits in their names."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from augcli.data.shards import _expanded
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo
from tests.data.test_listing import paths
from tests.helpers.archives import write_tar
from tests.helpers.shards import labels_of, refusal, shard

LIMIT = 1_000_000


def test_shards_of_a_folder_a_range_and_a_wildcard_are_one_source(tmp_path: Path) -> None:
    """Integers are class ids, wherever they stand."""
    shard(tmp_path / "s/a-000.tar", {"0": 7, "1": 2})
    shard(tmp_path / "s/a-001.tar", {"0": 0})
    (tmp_path / "s/notes.json").write_text("{}")
    for source in ("s", "s/a-{000..001}.tar", "s/a-*.tar", "s/a-00[01].tar", "s/a-{000,001}.tar"):
        listing = list_source(tmp_path / source)
        assert listing.reader == "tar"
        assert paths(listing) == ["a-000.tar/0.jpg", "a-000.tar/1.jpg", "a-001.tar/0.jpg"]
        assert listing.class_of.tolist() == [7, 2, 0]
        assert listing.classes == tuple("01234567")
        assert [read_image(listing, i, LIMIT) for i in range(3)] == [
            b"a-000.tar 0", b"a-000.tar 1", b"a-001.tar 0",
        ]  # fmt: skip
        assert listing.sizes().tolist() == [11, 11, 11]
        assert listing.fingerprint() == list_source(tmp_path / "s").fingerprint()
        assert listing.warnings == (
            f"{tmp_path / source}: 5 class ids of 8 have no image (1, 3, 4, 5, 6), as integer"
            " labels are class ids.",
        )
    only = list_source(tmp_path / "s/a-001.tar")
    assert (only.class_of.tolist(), only.classes, only.warnings) == ([0], ("0",), ())


def test_webdataset_reads_the_same(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    (tmp_path / "s").mkdir()
    for number in range(2):
        with webdataset.TarWriter(str(tmp_path / f"s/{number:06}.tar")) as writer:
            for key in range(4):
                writer.write({"__key__": f"in/{number}{key}", "jpg": b"%d%d" % (number, key),
                              "cls": (number + key) % 3})  # fmt: skip
    pattern = str(tmp_path / "s/{000000..000001}.tar")
    data = webdataset.WebDataset(pattern, shardshuffle=False)
    expected = [(sample["__key__"], int(sample["cls"])) for sample in data]
    listing = list_source(Path(pattern))
    keys = [name.partition("/")[2].removesuffix(".jpg") for name in paths(listing)]
    assert list(zip(keys, listing.class_of.tolist(), strict=True)) == expected
    assert listing.classes == ("0", "1", "2")


def test_names_of_integers_come_from_a_list_of_classes(tmp_path: Path) -> None:
    source = shard(tmp_path / "a.tar", {"0": 2, "1": 0})
    named = SourceOptions(classes=("ant", "bee", "cow", "dog"))
    listing = list_source(source, named)
    assert (listing.classes, listing.class_of.tolist()) == (named.classes, [2, 0])
    assert listing.warnings == ()
    assert refusal(source, SourceOptions(classes=("ant", "bee"))) == (
        "SOURCE SOURCE: 0.jpg has the label 2, and --classes names the ids 0 to 1; add the others"
        " to that file."
    )


@pytest.mark.parametrize("text", ["-1", "1000000", "9" * 250])
def test_integers_that_are_no_class_ids(tmp_path: Path, text: str) -> None:
    source = shard(tmp_path / "a.tar", {"0": 0, "1": text})
    assert "and integer labels are class ids, 0 to 999,999; fix it" in refusal(source)
    mixed = shard(tmp_path / "b.tar", {"0": "cat", "1": text})
    assert list_source(mixed).classes == tuple(sorted(["cat", text]))


def test_texts_in_json_are_names(tmp_path: Path) -> None:
    source = shard(tmp_path / "a.tar", {"0": {"label": "10"}, "1": {"label": "9"}}, "json")
    assert list_source(source).classes == ("9", "10")
    source = shard(tmp_path / "b.tar", {"0": {"label": 1}, "1": {"label": 0}}, "json")
    assert list_source(source).class_of.tolist() == [1, 0]


def test_a_key_of_json_is_named(tmp_path: Path) -> None:
    labels: dict[str, object] = {
        "0": {"label": 3, "breed": "pug"}, "1": {"label": 4, "breed": "husky"}
    }  # fmt: skip
    source = shard(tmp_path / "a.tar", labels, "json")
    assert labels_of(source, SourceOptions(label_column="breed")) == {
        "0.jpg": "pug", "1.jpg": "husky"
    }  # fmt: skip
    assert refusal(source, SourceOptions(label_column="bread")) == (
        "SOURCE SOURCE has no label under --label-column bread (did you mean 'breed'?): the .json"
        " beside the images have label and breed."
    )
    labels["1"] = {"label": 4}
    source = shard(tmp_path / "a.tar", labels, "json")
    assert refusal(source, SourceOptions(label_column="breed")).startswith(
        "SOURCE SOURCE: 1.jpg has no label; give it a .json with breed right beside it"
    )


def test_samples_in_folders(tmp_path: Path) -> None:
    source = shard(tmp_path / "a.tar", {"x/0": {"label": "a"}, "y/1": {"label": "b"}}, "json")
    assert labels_of(source) == {"x/0.jpg": "a", "y/1.jpg": "b"}
    source = shard(tmp_path / "b.tar", {"x/0": "b", "y/1": "a"})
    assert labels_of(source) == {"x/0.jpg": "b", "y/1.jpg": "a"}


def test_texts_beside_images_are_labels_or_captions(tmp_path: Path) -> None:
    source = shard(tmp_path / "a.tar", {"0": "great tit", "1": "wren", "2": "wren",
                                        "3": "great tit"}, "txt")  # fmt: skip
    listing = list_source(source)
    assert listing.classes == ("great tit", "wren")
    assert listing.warnings == (
        f"{source}: the 2 texts in the .txt beside the images are read as their labels.",
    )
    source = shard(tmp_path / "b.tar", {"0": "a wren", "1": "a tit on a tree"}, "txt")
    assert refusal(source) == (
        "SOURCE SOURCE: the .txt beside the images look like captions (a wren), which are no"
        " labels; put a .cls beside each, give --label-column txt if they are labels, or give"
        " --unlabelled to use images without labels."
    )
    assert len(list_source(source, SourceOptions(label_column="txt")).classes) == 2
    source = shard(tmp_path / "c.tar", {"0": "x" * 300, "1": "x" * 300}, "txt")
    assert "look like captions (of several lines)" in refusal(source)
    source = shard(tmp_path / "d.tar", {"0": 1, "1": 0}, "txt")
    assert list_source(source).class_of.tolist() == [1, 0]


@pytest.mark.parametrize("prefix", ["", "00000/"])
def test_captions_of_img2dataset_are_no_labels(tmp_path: Path, prefix: str) -> None:
    values = {"caption": "a dog", "url": "http://x", "key": "000000000", "status": "success"}
    members = {
        f"{prefix}000000000.jpg": b"x",
        f"{prefix}000000000.json": json.dumps(values).encode(),
        f"{prefix}000000000.txt": b"a dog",
    }
    source = write_tar(tmp_path / "00000.tar", members)
    assert refusal(source) == (
        "SOURCE SOURCE: the .json beside the images have no label but caption, url, key and status,"
        " and a caption is no label; name the key that holds the label with --label-column,"
        " or give --unlabelled to use images without labels."
    )
    listing = list_source(source, SourceOptions(label_column="status"))
    assert listing.classes == ("success",)


def test_class_folders_in_several_archives(tmp_path: Path) -> None:
    for number, name in enumerate(("cat", "dog")):
        members = {f"data/{name}/{number}.jpg": b"x", "data/cow/both.jpg": b"y"}
        write_tar(tmp_path / f"{number}.tar", members)
    listing = list_source(tmp_path)
    assert listing.classes == ("cat", "cow", "dog")
    assert labels_of(tmp_path)["0.tar/data/cow/both.jpg"] == "cow"


def test_an_empty_class_in_an_archive_is_refused(tmp_path: Path) -> None:
    members = {"a/1.jpg": b"x", "b/2.psd": b"x", "c/3.jpg": b"x"}
    source = write_tar(tmp_path / "a.tar", members)
    assert refusal(source).startswith(
        "1 class folder of SOURCE SOURCE holds no image that is read (b); remove it, or give"
    )
    listing = list_source(source, SourceOptions(allow_empty_classes=True))
    assert (listing.classes, listing.class_of.tolist()) == (("a", "b", "c"), [0, 2])


def test_splits_in_the_names_of_shards(tmp_path: Path) -> None:
    shard(tmp_path / "s/train-000000.tar", {"0": "b", "1": "a"})
    shard(tmp_path / "s/train-000001.tar", {"0": "a"})
    shard(tmp_path / "s/set-val-000000.tar", {"0": "c"})
    shard(tmp_path / "s/test_000000.tar", {"0": "a"})
    listing = list_source(tmp_path / "s")
    assert (listing.split, listing.classes) == ("train", ("a", "b", "c"))
    assert paths(listing) == ["train-000000.tar/0.jpg", "train-000000.tar/1.jpg",
                              "train-000001.tar/0.jpg"]  # fmt: skip
    assert [(other.split, paths(other), other.classes) for other in listing.others] == [
        ("val", ["set-val-000000.tar/0.jpg"], listing.classes),
        ("test", ["test_000000.tar/0.jpg"], listing.classes),
    ]
    assert read_image(listing.others[0], 0, LIMIT) == b"set-val-000000.tar 0"
    val = list_source(tmp_path / "s", SourceOptions(split="val"))
    assert (val.split, [other.split for other in val.others]) == ("val", ["train", "test"])
    assert refusal(tmp_path / "s", SourceOptions(split="vall")) == (
        "SOURCE SOURCE has no split vall (did you mean 'val'?); --split is one of train, val or"
        " test."
    )
    shard(tmp_path / "s/extra.tar", {"0": "a"})
    assert refusal(tmp_path / "s") == (
        "SOURCE SOURCE has archives of splits (val), and extra.tar, which names none; move it"
        " elsewhere, or give a pattern like 'val-*.tar'."
    )
    only = list_source(tmp_path / "s/train-*.tar")
    assert (only.split, only.others, len(only)) == ("train", (), 3)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a{8..10}b", ["a8b", "a9b", "a10b"]),
        ("{08..10}", ["08", "09", "10"]),
        ("{0..1}{x,y}", ["0x", "0y", "1x", "1y"]),
        ("{a}{}", ["{a}{}"]),
        ("a{,b}", ["a", "ab"]),
    ],
)
def test_braces(pattern: str, names: list[str]) -> None:
    count, expanded = _expanded(pattern, "s")
    assert (count, list(expanded)) == (len(names), names)


def test_patterns_that_are_none(tmp_path: Path) -> None:
    shard(tmp_path / "a-0.tar", {"0": 1})
    (tmp_path / "b.tar.jpg").write_bytes(b"")
    assert refusal(tmp_path / "a-{0..3}.tar").startswith(
        "SOURCE SOURCE names 4 files, of which 3 do not exist (the first is "
    )
    assert "a-{3..1}.tar: the range {3..1} goes down" in refusal(tmp_path / "a-{3..1}.tar").replace(
        "SOURCE SOURCE", "a-{3..1}.tar"
    )
    assert "names more than 1,000,000 files" in refusal(tmp_path / "a-{0..999999999999}.tar")
    assert "names more than 1,000,000 files" in refusal(tmp_path / ("{0..999}" * 3 + ".tar"))
    assert "no file fits" in refusal(tmp_path / "c*.tar")
    many = "{0..9}" * 6 + ".tar"
    assert refusal(tmp_path / many).startswith(
        "SOURCE SOURCE names 1000000 files, of which at least 1000 do not exist (the first is "
    )
    assert "names more than 1,000,000 files; give" in refusal(tmp_path / ("{0..10}" * 30 + ".tar"))
    assert "names more than 1,000,000 files; give" in refusal(tmp_path / ("{,}" * 60 + ".tar"))
    with_wildcards = "{0..9}" * 5 + "*.tar"
    assert "names more than 1,000 files with wildcards; give fewer braces" in refusal(
        tmp_path / with_wildcards
    )


def test_long_lines_of_a_list_of_shards(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", {"0": 1})
    (tmp_path / "list.txt").write_text("a.tar\n" + "x" * 40_000_000 + "{0..999999}.tar\n")
    assert refusal(tmp_path / "list.txt").endswith("is longer than a path can be; fix it.")


def test_folders_at_any_depth_end_with_links_in_circles(tmp_path: Path) -> None:
    for name in ("a/b/c/1.tar", "a/2.tar"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shard(tmp_path / name, {name[-5]: 0})
    for number in range(4):  # with two, 2 ** 40 paths lead through them
        (tmp_path / f"a/up{number}").symlink_to("..")
    listing = list_source(tmp_path / "**/*.tar")
    assert paths(listing) == ["2.tar/2.jpg", "b/c/1.tar/1.jpg"]


def test_names_that_are_patterns(tmp_path: Path) -> None:
    shard(tmp_path / "a-0.tar", {"0": 1})
    (tmp_path / "b.tar.jpg").write_bytes(b"")
    assert "which is no .tar" in refusal(tmp_path / "b.tar*")
    assert "does not exist" in refusal(tmp_path / "*.jpg")
    (tmp_path / "[1].tar").write_bytes((tmp_path / "a-0.tar").read_bytes())
    assert len(list_source(tmp_path / "[1].tar")) == 1


@pytest.mark.parametrize("name", ["x y.tar.gz", "x.tgz", "x.tar"])
def test_the_command_that_unpacks_does(tmp_path: Path, name: str) -> None:
    plain = shard(tmp_path / "plain/p.tar", {"0": "a"})
    source = tmp_path / name
    source.write_bytes(gzip.compress(plain.read_bytes()))
    assert "(gzip), and images are read where they lie; unpack it by `gunzip" in refusal(source)
    with pytest.raises(UserError) as refused:
        list_source(source)
    command = str(refused.value).split("`")[1]
    if os.name == "posix":
        subprocess.run(["sh", "-c", command], check=True, timeout=60)
        made = shlex.split(command)[-1]
        assert len(list_source(Path(made))) == 1


def test_links_in_circles_beside_archives(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", {"0": "a"})
    (tmp_path / "loop").symlink_to("loop")
    assert len(list_source(tmp_path)) == 1


def test_a_run_over_shards(augcli: Augcli, tmp_path: Path) -> None:
    for number in range(2):
        members: dict[str, bytes] = {}
        for key in range(4):
            write_photo(tmp_path / "x.jpg", 4 * number + key, 40, 30)
            members |= {f"{key}.jpg": (tmp_path / "x.jpg").read_bytes(),
                        f"{key}.cls": b"%d" % (key % 2)}  # fmt: skip
        (tmp_path / "s").mkdir(exist_ok=True)
        write_tar(tmp_path / f"s/{number:03}.tar", members)
    (tmp_path / "names.txt").write_text("ant\nbee\n")
    outs: list[bytes] = []
    for name in ("s", "s/{000..001}.tar"):
        out = tmp_path / f"out{len(outs)}"
        result = augcli("generate", tmp_path / name, out, "-r", "cutmix", "--classes",
                      tmp_path / "names.txt", "-j", 2)  # fmt: skip
        assert (result.returncode, result.stderr) == (0, "")
        assert (out / "classes.txt").read_text() == "ant\nbee\n"
        result = augcli("verify", out, "--replay")
        assert (result.returncode, result.stderr) == (0, "")
        outs.append((out / "train/metadata.jsonl").read_bytes())
    assert outs[0] == outs[1]
    result = augcli("preview", tmp_path / "s", "-r", "flip", "--to", tmp_path / "s/000.tar")
    assert result.returncode == 2
    result = augcli("preview", tmp_path / "s", "-r", "flip", "--to", tmp_path / "sheet.png")
    assert result.returncode == 0
