"""Label ids are those that loaders of image folders give to the folders of a run."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from augcli.data.labels import class_folder, class_index, first_out_of_order
from augcli.data.listing import ListingBuilder, with_classes
from augcli.data.source import list_source
from tests.conftest import Augcli, write_photo
from tests.helpers.archives import write_tar

NASTY = [
    "a", "a b", "a%b", "a-b", "a.b", "a0", "ä", "A\u0308", "a\u0308", "Ä", "z", "é", "e\u0301",
    "\U0001f600", "\ufb01", ".hidden", "..", "end ", "end.", "end", "end-", "CON", "COM", "con",
    "10", "9", "01", "1", "a/b", "a/", "/", "%", "%41", "~", "{", "*", "<x>", "x:y", 'quo"te',
    "k" * 250, "k" * 30, "l" * 250, "猫" * 90, "metadata.jsonl", "n", "m", "classes.txt", "&", "\\",
]  # fmt: skip


def find_classes(folder: Path) -> dict[str, int]:
    """torchvision.datasets.folder.find_classes, of release 0.20."""
    classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    return {name: number for number, name in enumerate(classes)}


def keras_classes(folder: Path) -> dict[str, int]:
    """As keras.utils.image_dataset_from_directory has them."""
    listed = sorted(os.listdir(folder))  # noqa: PTH208
    names = [name for name in listed if (folder / name).is_dir()]
    return {name: number for number, name in enumerate(names)}


def table_of(folder: Path, labels: list[str]) -> Path:
    lines = ["path,label"]
    for number, label in enumerate(labels):
        write_photo(folder / f"{number}.png", number, 16, 12)
        quoted = label.replace('"', '""')
        lines.append(f'{number}.png,"{quoted}"')
    table = folder / "t.csv"
    table.write_text("\n".join(lines))
    return table


def ids_by_row(out: Path) -> dict[str, int]:
    rows = map(json.loads, (out / "train/metadata.jsonl").open())
    return {row["file_name"].partition("/")[0]: row["label"] for row in rows}


def test_ids_are_those_of_the_loaders_for_nasty_names(augcli: Augcli, tmp_path: Path) -> None:
    # A label loses blanks at its ends.
    names = [name for name in NASTY if name == name.strip()]
    source = table_of(tmp_path / "in", names)
    out = tmp_path / "out"
    result = augcli("generate", source, out, "-r", "flip", "-j", 1)
    assert result.returncode == 0, result.stderr
    ids = ids_by_row(out)
    assert len(ids) == len(names)
    assert find_classes(out / "train") == ids
    assert keras_classes(out / "train") == ids
    try:
        from torchvision.datasets.folder import find_classes as of_torchvision
    except ImportError:
        pass
    else:
        assert of_torchvision(str(out / "train"))[1] == ids
    listed = (out / "classes.txt").read_text().split("\n")[:-1]
    assert {class_folder(name): number for number, name in enumerate(listed)} == ids
    assert result.stderr.count("ids follow the folders there; by names,") == 1
    assert augcli("verify", out, "--replay").returncode == 0


def test_ids_are_those_of_the_loaders_for_folders(augcli: Augcli, tmp_path: Path) -> None:
    names = [
        name
        for name in NASTY
        if "/" not in name and not name.startswith(".") and len(name.encode()) < 256
    ]
    for number, name in enumerate(names):
        write_photo(tmp_path / "in" / name / "1.png", number, 16, 12)
    odd = tmp_path / "in" / os.fsdecode(b"k\xe4se")
    write_photo(odd / "1.png", 99, 16, 12)
    result = augcli("generate", tmp_path / "in", tmp_path / "out", "-r", "flip", "-j", 1)
    assert result.returncode == 0, result.stderr
    ids = ids_by_row(tmp_path / "out")
    assert len(ids) == len(names) + 1
    assert find_classes(tmp_path / "out/train") == ids


def test_of_names_that_need_no_escape_the_ids_are_those_of_the_names(
    augcli: Augcli, tmp_path: Path
) -> None:
    names = ["b", "a b", "10", "9", "01", "B", "ä", "a-b", "\U0001f600", "é", "e\u0301"]
    assert class_index(names) == tuple(sorted(names))
    for number, name in enumerate(names):
        write_photo(tmp_path / "in" / name / "1.png", number, 16, 12)
    result = augcli("generate", tmp_path / "in", tmp_path / "out", "-r", "flip", "-j", 1)
    ids = find_classes(tmp_path / "out/train")
    assert ids == find_classes(tmp_path / "in") == ids_by_row(tmp_path / "out")
    assert "ImageFolder" not in result.stderr


def test_nor_do_they_change_where_an_escape_sorts_as_the_name(
    augcli: Augcli, tmp_path: Path
) -> None:
    for number, name in enumerate(("a", "a%b", "c")):
        write_photo(tmp_path / "in" / name / "1.png", number, 16, 12)
    result = augcli("generate", tmp_path / "in", tmp_path / "out", "-r", "flip", "-j", 1)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out/classes.txt").read_text() == "a\na%b\nc\n"
    assert list(find_classes(tmp_path / "out/train")) == ["a", "a%25b", "c"]


@given(st.lists(st.text(max_size=12), unique=True, max_size=12))
def test_classes_are_in_the_order_of_their_folders(names: list[str]) -> None:
    names = [name.encode("utf-8", "replace").decode() for name in names]
    classes = class_index(names)
    folders = [class_folder(name) for name in classes]
    assert folders == sorted(folders)
    assert first_out_of_order(classes) is None
    if len(classes) > 1:
        turned = classes[1:] + classes[:1]
        assert first_out_of_order(turned) == (0, 1)


def test_numbers_in_a_table_are_warned_of_where_their_order_is_another(
    augcli: Augcli, tmp_path: Path
) -> None:
    source = table_of(tmp_path / "in", ["10", "9", "8"])
    result = augcli("generate", source, tmp_path / "out", "-r", "flip")
    assert result.stderr == (
        f"augcli: warning: {source}: the labels are numbers and taken as names, so that 8 has the"
        " id 0; give --classes to number them otherwise.\n"
        "augcli: warning: ImageFolder sorts the folders of OUT/train and gives other ids than the"
        " manifest: class 8 has id 0, and there 1; use the ids of metadata.jsonl and classes.txt.\n"
    )
    assert find_classes(tmp_path / "out/train")["8"] == 1
    source = table_of(tmp_path / "digits", ["2", "1", "0"])
    result = augcli("generate", source, tmp_path / "digits_out", "-r", "flip")
    assert (result.returncode, result.stderr) == (0, "")


def test_lists_of_classes_are_warned_of_where_their_order_is_another(
    augcli: Augcli, tmp_path: Path
) -> None:
    for number, name in enumerate(("dog", "cat")):
        write_photo(tmp_path / "in" / f"{name}.png", number, 16, 12)
    rows = [{"file_name": f"{name}.png", "class_name": name} for name in ("dog", "cat")]
    manifest = tmp_path / "in/metadata.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "in/classes.txt").write_text("bird\ndog\ncat\n")
    result = augcli("generate", tmp_path / "in", tmp_path / "out", "-r", "flip", "--dry-run")
    assert "class dog has id 1, and there 2; use the ids of" in result.stderr
    assert result.stderr.count("warning") == 1
    (tmp_path / "in/classes.txt").write_text("bird\ncat\ndog\n")
    result = augcli("generate", tmp_path / "in", tmp_path / "out", "-r", "flip")
    assert result.stderr == (  # no image shows it, so there is no folder of it
        f"augcli: warning: {tmp_path}/out/train has no folder for class bird, as no image there"
        " shows most of it: ImageFolder counts on without it and gives other ids than the manifest;"
        " use the ids of metadata.jsonl and classes.txt.\n"
    )
    assert find_classes(tmp_path / "out/train") == {"cat": 0, "dog": 1}
    (tmp_path / "in/classes.txt").write_text("cat\ndog\nzebra\n")  # behind the others
    result = augcli("generate", tmp_path / "in", tmp_path / "out2", "-r", "flip")
    assert (result.returncode, result.stderr) == (0, "")


def test_labels_of_archives_are_ordered_as_those_of_tables(tmp_path: Path) -> None:
    members = {}
    for number, label in enumerate(("a/b", "a0", "a-")):
        members[f"{number}.png"] = b"-"
        members[f"{number}.cls"] = label.encode()
    listing = list_source(write_tar(tmp_path / "s.tar", members))
    assert listing.classes == ("a/b", "a-", "a0")
    assert [class_folder(name) for name in listing.classes] == ["a%2Fb", "a-", "a0"]


def test_ids_in_another_order() -> None:
    builder = ListingBuilder()
    for number in range(3):
        builder.add(builder.folder(b""), b"%d.png" % number, number)
    soft = [0, 2, 1, 0], [0.25, 0.75, 1.0, 1.0], [2, 3, 4]
    listing = builder.finish("/d", ["a/b", "a-", "a0"], soft)
    old = with_classes(listing, ["a-", "a/b", "a0"])
    assert old.classes == ("a-", "a/b", "a0")
    assert old.class_of.tolist() == [1, 0, 2]
    assert [old.label(i).ids for i in range(3)] == [(1, 2), (0,), (1,)]
    assert with_classes(listing, ["x", "a/b", "a0"]) is listing
    assert with_classes(old, listing.classes).fingerprint() == listing.fingerprint()


def test_an_output_of_an_older_order_is_made_again_with_its_own_ids(
    augcli: Augcli, tmp_path: Path
) -> None:
    """0.1.0 sorted classes by their names: `a-`, `a/b`, `a0`."""
    source = table_of(tmp_path / "in", ["a0", "a/b", "a-"])
    out = tmp_path / "out"
    assert augcli("generate", source, out, "-r", "flip", "-k", 2).returncode == 0
    assert (out / "classes.txt").read_text() == "a/b\na-\na0\n"
    before = {0: 1, 1: 0, 2: 2}
    lines = []
    for row in map(json.loads, (out / "train/metadata.jsonl").open()):
        row["label"] = before[row["label"]]
        row["label_ids"] = [before[i] for i in row["label_ids"]]
        row["soft_label"] = [row["soft_label"][i] for i in (1, 0, 2)]
        lines.append(json.dumps(row) + "\n")
    (out / "train/metadata.jsonl").write_text("".join(lines))
    (out / "classes.txt").write_text("a-\na/b\na0\n")
    summary = json.loads((out / "run.json").read_text())
    listing = with_classes(list_source(source), ["a-", "a/b", "a0"])
    summary["fingerprint"] = listing.fingerprint()
    summary["manifest"]["sha256"] = hashlib.sha256("".join(lines).encode()).hexdigest()
    del summary["files"]
    (out / "run.json").write_text(json.dumps(summary))
    (out / ".augcli/identity.json").unlink()
    for options in ((), ("--source", source)):
        result = augcli("verify", out, "--replay", *options)
        assert (result.returncode, result.stdout) == (
            0,
            "6 rows and their files agree, 6 made again.\n",
        )
