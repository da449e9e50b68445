"""Which images belong together: by a column of each kind of table, or by a part of their names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data.groups import Groups
from augcli.data.listing import Listing
from augcli.data.name_pattern import NamePattern
from augcli.data.source import list_paths, list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import LabelsFrom
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo
from tests.helpers.tables import labelled

PATIENTS = ["p1", " p2", "p1", "p3 ", "p2", "p3"]
TOGETHER = [{0, 2}, {1, 4}, {3, 5}]


def together(listing: Listing) -> list[set[int]]:
    """The groups, as sets of the images in them."""
    assert listing.group_of is not None
    numbers = listing.group_of.tolist()
    assert sorted(set(numbers)) == list(range(len(set(numbers))))
    groups = [{i for i, of in enumerate(numbers) if of == number} for number in set(numbers)]
    return sorted(groups, key=min)


def by(source: Path, group: str = "patient", **options: object) -> Listing:
    return list_source(source, SourceOptions.model_validate({"group_by": group, **options}))


def write_table(folder: Path, kind: str) -> Path:
    folder.mkdir()
    rows = [
        {"path": f"{i}.jpg", "label": "ab"[i % 2], "patient": patient, "age": i}
        for i, patient in enumerate(PATIENTS)
    ]
    file = folder / f"t.{kind}"
    if kind == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        divider = "\t" if kind == "tsv" else ","
        lines = [divider.join(map(str, row.values())) for row in rows]
        file.write_text("\n".join([divider.join(rows[0]), *lines]) + "\n")
    return file


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_column_of_a_table(kind: str, tmp_path: Path) -> None:
    file = write_table(tmp_path / kind, kind)
    listing = by(file)
    assert together(listing) == TOGETHER
    assert listing.warnings == (f"{file}: 1 column is not read (age).",)
    assert len(together(by(file, "age"))) == 6
    assert together(by(file, "label")) == [{0, 2, 4}, {1, 3, 5}]
    # A name wins over a pattern, and what is no name is one.
    assert together(by(file, r"[0-9]")) == [{i} for i in range(6)]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_column_of_metadata(kind: str, tmp_path: Path) -> None:
    rows = [
        {"file_name": f"{i}.jpg", "label": i % 2, "patient": patient, "more": 1}
        for i, patient in enumerate(PATIENTS)
    ]
    file = tmp_path / f"metadata.{kind}"
    if kind == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        lines = [",".join(map(str, row.values())) for row in rows]
        file.write_text("\n".join([",".join(rows[0]), *lines]) + "\n")
    for number in range(6):
        (tmp_path / f"{number}.jpg").touch()
    listing = by(tmp_path, classes=("a", "b"))
    assert listing.reader == "metadata"
    assert together(listing) == TOGETHER
    assert listing.warnings == (f"{file}: 1 column is not read (more).",)


def test_a_column_beside_images_in_parquet_and_arrow(tmp_path: Path) -> None:
    ages = [3, 4, 3, 7, 4, 7]
    data = labelled(
        6,
        patient=(datasets.Value("string"), PATIENTS),
        age=(datasets.Value("int64"), ages),
        site=(datasets.ClassLabel(names=["x", "y"]), [0, 1, 0, 1, 0, 1]),
    )
    (tmp_path / "hub").mkdir()
    first, second = data.select(range(4)), data.select(range(4, 6))
    first.to_parquet(tmp_path / "hub/train-00000-of-00002.parquet")
    second.to_parquet(tmp_path / "hub/train-00001-of-00002.parquet")
    data.save_to_disk(tmp_path / "saved")
    for source in (tmp_path / "hub", tmp_path / "saved"):
        for column in ("patient", "age"):
            assert together(by(source, column)) == TOGETHER, (source, column)
        assert together(by(source, "site")) == [{0, 2, 4}, {1, 3, 5}]
        assert together(by(source, "label")) == [{0, 3}, {1, 4}, {2, 5}]
        (warning,) = by(source).warnings
        assert warning.endswith("2 columns are not read (age, site).")
        with pytest.raises(UserError, match=r"--group-by image: that column of .* holds struct<"):
            by(source, "image")


def test_splits_and_chosen_images_have_groups_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    lines = ["path,label,split,patient", "1.jpg,a,train,9", "2.jpg,b,test,", "3.jpg,a,train,7",
             "4.jpg,b,train,9", "5.jpg,c,train,"]  # fmt: skip
    file.write_text("\n".join(lines) + "\n")
    listing = by(file, classes_exclude=("c",))
    assert listing.split == "train" and together(listing) == [{0, 2}, {1}]
    assert [other.group_of for other in listing.others] == [None]
    with pytest.raises(UserError) as refused:
        by(file)
    assert str(refused.value) == (
        f"--group-by patient: 1 image of SOURCE {file} has nothing in that column (the first is"
        " 5.jpg); write there what it belongs to."
    )


def test_numbers_and_texts_name_groups_and_other_values_none(tmp_path: Path) -> None:
    groups = Groups()
    values: list[Any] = [1, "1", 1.0, "1.0", 1.5, True, "ä", "\udcff", "\ud800"]
    values += [None, "", "  ", float("nan")]
    for value in values:
        groups.add(value, str)
    numbers = groups.numbers().tolist()
    assert numbers[0] == numbers[1] == numbers[2]
    assert len(set(numbers[2:9])) == 7
    assert numbers[9:] == [-1] * 4
    others: list[Any] = [[1], {"a": 1}, b"1"]
    for value in others:
        with pytest.raises(UserError) as refused:
            groups.add(value, lambda: "t, line 4")
        assert str(refused.value) == (
            "t, line 4: what --group-by names is neither a text nor a number; choose another"
            " column."
        )
    file = tmp_path / "t.jsonl"
    file.write_text('{"path": "1.jpg", "label": "a", "p": ["x"]}\n')
    with pytest.raises(UserError, match=r"t\.jsonl, line 1: what --group-by names is neither"):
        by(file, "p")
    (tmp_path / "twice.csv").write_text("path,label,p,p\n1.jpg,a,1,2\n")
    with pytest.raises(UserError, match="it has 2 columns named p; rename all but one"):
        by(tmp_path / "twice.csv", "p")


@pytest.fixture
def named(tmp_path: Path) -> Path:
    for name in ("ant/v1_1.jpg", "ant/v2_2.jpg", "bee/v1_3.jpg", "bee/x/v3_4.jpg"):
        (tmp_path / "named" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "named" / name).touch()
    return tmp_path / "named"


def test_a_part_of_the_names(named: Path) -> None:
    listing = by(named, r"v(\d)_")
    assert together(listing) == [{0, 2}, {1}, {3}]
    assert together(by(named, r"(?:^|/)v\d")) == [{0, 2}, {1}, {3}]
    assert together(by(named, r"^(?P<class>\w+)/")) == [{0, 1}, {2, 3}]
    paths = b"".join(os.fsencode(named / name) + b"\n" for name in ("ant/v1_1.jpg", "bee/v1_3.jpg"))
    import io

    piped = list_paths(
        io.BytesIO(paths), LabelsFrom.parent, options=SourceOptions(group_by=r"v(\d)_")
    )
    assert together(piped) == [{0, 1}]


def test_the_fingerprint_has_groups_where_they_are_given(named: Path) -> None:
    plain, videos = list_source(named), by(named, r"v(\d)_")
    assert plain.group_of is None
    assert plain.fingerprint() == "8697d2348a96a44b43ad33b9b4dc3512", "as it was before"
    prints = {plain.fingerprint(), videos.fingerprint(), by(named, r"^\w+").fingerprint()}
    assert len(prints) == 3
    assert by(named, r"/v(\d)_").fingerprint() == videos.fingerprint()


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (
            "v([12])_",
            "--group-by v([12])_: SOURCE {} has no column of that name, and as a regular"
            " expression it finds nothing in the names of 1 of 4 images (the first is"
            " bee/x/v3_4.jpg); fix it.",
        ),
        (
            "patient",
            "--group-by patient: SOURCE {} has no column of that name, and as a regular expression"
            " it finds nothing in the names of 4 of 4 images (the first is ant/v1_1.jpg); fix it.",
        ),
        (
            "v([0-9]*)",  # which may be empty
            None,
        ),
        ("(x)?v", "it finds nothing in the names of 4 of 4 images"),
        ("v(", "--group-by v( is no column of SOURCE and no regular expression (missing"),
        ("(v)(1)", "--group-by (v)(1) has 2 groups, and one at most says what belongs together"),
        ("(v+)+_", "repeats a part of varying length, which may take forever"),
        ("(v|vv)*_", "repeats a part of varying length, which may take forever"),
        ("(?:v{9999}){9}", "repeats a part too often; no name is as long."),
        ("v?" * 30, "has 30 parts of varying length, too many for a name of 12 characters"),
        (".*" * 40 + "x", "has 40 parts of varying length, too many for a name of 12 characters"),
        ("x" * 1001, "--group-by has more than 1000 characters; shorten it."),
    ],
)
def test_a_pattern_that_does_not_fit_or_could_take_forever_is_refused(
    pattern: str, sentence: str | None, named: Path
) -> None:
    if sentence is None:
        assert len(together(by(named, pattern))) == 3
        return
    with pytest.raises(UserError) as refused:
        by(named, pattern)
    assert sentence.format(named) in str(refused.value)


def test_the_slowest_pattern_that_is_taken_ends_in_seconds() -> None:
    for pattern, length in ((r".*.*.*x", 250), (r"(a*)a*a*a*x", 60), (r"a?" * 6 + "x", 40)):
        start = time.monotonic()
        assert NamePattern(pattern, "--group-by").find("a" * length) == ""
        assert time.monotonic() - start < 30


def test_inspect_shows_the_groups(augcli: Augcli, tmp_path: Path) -> None:
    for number in range(7):
        write_photo(tmp_path / "s" / "ab"[number % 2] / f"p{number % 3}_{number}.png", number, 8, 8)
    result = augcli("inspect", tmp_path / "s", "--group-by", "p([0-9])", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["groups"] == {"count": 3, "sizes": [[3, 1], [2, 2]]}
    text = augcli("inspect", tmp_path / "s", "--group-by", "p([0-9])").stdout
    assert (
        "By --group-by there are 3 groups of 2 to 3 images (median 2); a/p0_0.png is in the"
        " largest.\n" in text
    )
    text = augcli("inspect", tmp_path / "s", "--group-by", "(?:a|b)/(p)").stdout
    assert "By --group-by all images belong to one group, so that none of them can be mixed" in text
    assert "groups" not in json.loads(augcli("inspect", tmp_path / "s", "--json").stdout)


def test_a_million_values_take_eight_bytes_each() -> None:
    import tracemalloc

    groups = Groups()
    tracemalloc.start()
    for number in range(200_000):
        groups.add(f"patient {number}", str)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200_000 * 8 * 2 + 50_000 * 220
    assert len(set(groups.numbers().tolist())) == 200_000
