"""Tables of paths and labels as a source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.errors import UserError
from tests.conftest import Augcli, tree


def table(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def listed(source: Path) -> list[tuple[str, str]]:
    listing = list_source(source)
    samples = [listing.sample(i) for i in range(len(listing))]
    return [(s.relative, listing.classes[s.label.dominant]) for s in samples]


def test_columns_by_name_and_paths_beside_the_table(tmp_path: Path) -> None:
    text = 'id,Label,file_name\r\n7,"cat, big",./a/1.jpg\r\n\r\n8,dog,"b/new\nline.png"\r\n'
    source = table(tmp_path, text)
    assert listed(source) == [("a/1.jpg", "cat, big"), ("b/new\\x0aline.png", "dog")]
    assert list_source(source).sample(0).path == bytes(tmp_path) + b"/a/1.jpg"
    source = table(tmp_path, "\ufeffimage\tclass\né.jpg\tkäse\n", "t.TSV")
    assert listed(source) == [("é.jpg", "käse")]


def test_numbers_are_ordered_by_value_and_names_by_code_point(tmp_path: Path) -> None:
    rows = [("1.jpg", "10"), ("2.jpg", "9"), ("3.jpg", "10")]
    text = "path,label\n" + "".join(f"{path},{label}\n" for path, label in rows)
    source = table(tmp_path, text)
    assert list_source(source).classes == ("9", "10")
    assert list_source(source).class_of.tolist() == [1, 0, 1]
    source = table(tmp_path, text + "4.jpg,b\n")
    assert list_source(source).classes == ("10", "9", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: it is empty; name the columns there, one of them path, file_name,"),
        (
            "path,labels\n1.jpg,a\n",
            "line 1: it has the columns path and labels, and none of labels; name one of them",
        ),
        (
            "path,image,label\n1,2,a\n",
            "line 1: it has 2 columns of paths, path and image; leave one of them so",
        ),
        ("path,label\n", r"t\.csv has no rows"),
        ("path,label\n1.jpg\n", r"t\.csv, line 2: it has 1 column, and the first line 2"),
        ("path,label\n1.jpg,a\n2.jpg,\n", r"t\.csv, line 3: 2\.jpg has no label"),
        ("path,label\n..,a\n", r"line 2: \.\. is no path of an image"),
        ("path,label\n,a\n", r"line 2:  is no path of an image"),
        ("path,label\n1.jpg\0,a\n", r"is no path of an image|line contains NUL"),
        ('path,label\n"1.jpg,a\n', "line 1 or the next: a quotation mark is missing"),
        ("path,label\n1.jpg,a\n./1.jpg,b\n", r"names 1\.jpg twice"),
        (
            "path,label\n" + "x" * 200_000 + ",a\n",
            "a column is longer than 131072 characters; fix it",
        ),
        ("path,label\n" + "x," * (1 << 19) + "\n", r"the row at line 2 is longer than 1 MiB"),
        ("path,label\n1.jpg,a\n" + '"\n",' * (1 << 19), r"the row at line 3 is longer than 1 MiB"),
        ("x" * (1 << 21), r"the row at line 1 is longer than 1 MiB"),
        ("path,label\n" + "\0" * (1 << 21), r"the row at line 2 is longer than 1 MiB"),
        (
            'path,label\n"1"x.jpg,a\n',
            "line 1 or the next: a quotation mark is missing or has no place there",
        ),
        ("path,label\n1.jpg,a\n".encode("utf-16"), r"t\.csv cannot be read: it is in UTF-16"),
        (
            "path,label\n1.jpg,a\n".encode("utf-16-le"),
            "line 1: it has NUL bytes, as texts in UTF-16 do; save it in UTF-8",
        ),
        ("path,label\n" + "x\n" * 100 + ",a\n", r"line 2: it has 1 column,"),
    ],
)
def test_refusals_name_the_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        list_source(table(tmp_path, text))
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1000


def test_a_quoted_field_may_hold_a_quotation_mark_a_comma_and_a_newline(tmp_path: Path) -> None:
    text = 'path,label\n"a ""b"", c\n1.jpg","x\ny"\n2.jpg,z\n'
    assert listed(table(tmp_path, text)) == [
        ('a "b", c\\x0a1.jpg', "x\\x0ay"),
        ("2.jpg", "z"),
    ]


def test_lines_may_end_in_any_way(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        assert listed(table(tmp_path, end.join(["path,label", "1.jpg,a", ""]))) == [("1.jpg", "a")]


def test_a_table_that_never_ends_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "z.csv").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "f.csv")
    for name in ("z.csv", "f.csv"):
        with pytest.raises(UserError, match=rf"{name} is not a regular file; .* to one first\."):
            list_source(tmp_path / name)


def test_of_files_that_stand_twice_the_first_is_named_in_every_process(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(200)]
    source = table(tmp_path, "path,label\n" + "".join(f"{name},a\n" for name in names + names))
    with pytest.raises(UserError, match=r"names 0\.jpg twice"):
        list_source(source)


def test_labels_that_are_equal_as_numbers_are_classes_of_their_own(tmp_path: Path) -> None:
    text = "path,label\n1.jpg,1\n2.jpg,01\n3.jpg,001\n4.jpg,0\n"
    source = table(tmp_path, text)
    assert list_source(source).classes == ("0", "001", "01", "1")
    assert list_source(source).class_of.tolist() == [3, 2, 1, 0]


def test_a_table_is_generated_from(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    files = sorted(path.relative_to(tmp_path).as_posix() for path in photos.glob("*/*"))
    lines = [f"{name},{name.split('/')[1]}" for name in [*files, "photos/ant/gone.jpg"]]
    source = table(tmp_path, "\n".join(["path,label", *lines]))
    out = tmp_path / "out"
    result = augcli("generate", source, out, "-r", "mixup", "--pair", "different-class")
    assert result.returncode == 1
    assert "1 input skipped" in result.stdout
    assert '"source_path":"photos/ant/gone.jpg"' in (out / "errors.jsonl").read_text()
    before = tree(out / "train")
    assert augcli("verify", out, "--replay").returncode == 0
    next((out / "train").glob("*/*.jpg")).unlink()
    assert augcli("verify", out, "--repair").returncode == 0
    assert tree(out / "train") == before
    assert augcli("preview", source, "-r", "cutmix", "--to", tmp_path / "p.png").returncode == 0


def test_a_file_that_is_neither_is_refused(augcli: Augcli, tmp_path: Path) -> None:
    result = augcli("generate", table(tmp_path, "x", "t.txt"), tmp_path / "out", "-r", "cutmix")
    assert result.returncode == 2
    assert "t.txt is a text and no list of images; give a folder with one folder" in result.stderr
