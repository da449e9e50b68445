"""Texts that list shards."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from augcli.data.source import list_source, read_image
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo
from tests.data.test_listing import paths
from tests.helpers.archives import write_tar
from tests.helpers.shards import refusal, shard

LIMIT = 1_000_000


def test_a_list_of_shards_names_paths_and_patterns_relative_to_itself(tmp_path: Path) -> None:
    shard(tmp_path / "lists/s/a-000.tar", {"0": 1, "1": 0})
    shard(tmp_path / "lists/s/a-001.tar", {"0": 0})
    shard(tmp_path / "more/b [x].tar", {"0": 2})
    file = tmp_path / "lists/shards.txt"
    file.write_bytes(
        b"\xef\xbb\xbfs/a-{000..001}.tar\r\n\r\n  ../more/b [x].tar\r\n"
        + os.fsencode(shard(tmp_path / "c.tar", {"0": 2}))
        + b"\n"
    )
    listing = list_source(file)
    assert (listing.reader, listing.classes) == ("tar", ("0", "1", "2"))
    assert paths(listing) == [
        "lists/s/a-000.tar/0.jpg", "lists/s/a-000.tar/1.jpg", "lists/s/a-001.tar/0.jpg",
        "more/b [x].tar/0.jpg", "c.tar/0.jpg",
    ]  # fmt: skip
    assert listing.class_of.tolist() == [1, 0, 0, 2, 2]
    assert read_image(listing, 3, LIMIT) == b"b [x].tar 0"
    # The lines' order is that of the images; folders and patterns have that of names.
    file.write_text("s/a-001.tar\ns/a-000.tar")
    assert paths(list_source(file)) == ["a-001.tar/0.jpg", "a-000.tar/0.jpg", "a-000.tar/1.jpg"]
    file.write_text("s/*.tar")
    assert list_source(file).fingerprint() == list_source(tmp_path / "lists/s").fingerprint()
    shard(tmp_path / "lists/train-0.tar", {"0": 0, "1": 1})
    shard(tmp_path / "lists/val-0.tar", {"0": 1})
    file.rename(tmp_path / "lists/all.list")
    (tmp_path / "lists/all.list").write_text("train-0.tar\nval-*.tar\n")
    divided = list_source(tmp_path / "lists/all.list")
    assert (divided.split, len(divided)) == ("train", 2)
    assert [(other.split, len(other)) for other in divided.others] == [("val", 1)]


def test_a_run_over_a_list_of_shards_is_replayed(augcli: Augcli, tmp_path: Path) -> None:
    images = tmp_path / "i"
    for number in range(4):
        write_photo(images / f"{number}.png", number, 16, 12)
    for name in ("a", "b"):
        members: dict[str, bytes] = {}
        for number in range(4):
            members[f"{number}.png"] = (images / f"{number}.png").read_bytes()
            members[f"{number}.cls"] = b"%d" % (number % 2)
        (tmp_path / "d").mkdir(exist_ok=True)
        write_tar(tmp_path / f"d/{name}.tar", members)
    (tmp_path / "d/shards.txt").write_text("b.tar\na.tar\n")
    result = augcli("generate", "d/shards.txt", tmp_path / "out", "-r", "cutmix", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = (tmp_path / "out/train/metadata.jsonl").read_text().splitlines()
    assert {json.loads(row)["source_paths"][0][:6] for row in rows} == {"a.tar/", "b.tar/"}
    assert augcli("verify", tmp_path / "out", "--replay").returncode == 0


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["a.tar", "b.tar"], "{}, line 2 names 1 file, of which 1 does not exist (the first is"),
        (["a.tar", "", "x*.tar"], "{}, line 3: no file fits"),
        (["a.tar", "t.csv"], "t.csv, which is no .tar,"),
        (["a.tar", "{9..3}.tar"], "{}, line 2: the range {9..3} goes down; write the lower first."),
        (
            ["https://x.org/a.tar"],
            "{}, line 1: https://x.org/a.tar is no file; give paths on this machine.",
        ),
        (
            ["pipe:curl -s https://x.org/a.tar"],
            "{}, line 1: pipe:curl -s https://x.org/a.tar is no file; give paths on this machine.",
        ),
        (["a.tar", "./a.tar"], "a.tar stands in line 1 already; name each archive once."),
        (["a.tar", "*.tar"], "a.tar stands in line 1 already; name each archive once."),
    ],
)
def test_a_line_that_names_no_shard_is_refused(
    lines: list[str], sentence: str, tmp_path: Path
) -> None:
    shard(tmp_path / "a.tar", {"0": 1})
    (tmp_path / "t.csv").touch()
    file = tmp_path / "shards.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(UserError) as refused:
        list_source(file)
    said = str(refused.value)
    assert sentence.replace("{}", str(file), sentence.startswith("{}")) in said
    assert f"{file}, line {len(lines)}" in said


def test_other_texts_are_no_lists_of_shards(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"

    def refusal_of(text: bytes) -> str:
        file.write_bytes(text)
        return refusal(file)

    assert refusal_of(b"").startswith("SOURCE SOURCE is an empty file; give ")
    assert refusal_of(b"\n\n").startswith("SOURCE SOURCE is a text and no list of images; give ")
    assert refusal_of(b"a.jpg 1\nb.tar\n").startswith(
        "SOURCE SOURCE is a list with more than paths in a line, as a.jpg 1; write it as a .csv "
    )
    file.write_bytes(b"\xff.tar\n")
    assert refusal(file) == "SOURCE SOURCE cannot be read: byte 0 is not UTF-8; save it in UTF-8."
