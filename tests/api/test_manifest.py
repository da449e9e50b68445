"""`augcli.open_manifest`: rows, labels, tables, triplets, and parts that share no source."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import augcli
from augcli.api.splitting import components, groups_of_sources
from tests.conftest import write_photo


def folder_of(root: Path, classes: int, images: int, name: str = "{}.png") -> Path:
    for class_id in range(classes):
        for number in range(images):
            seed = class_id * images + number
            write_photo(root / f"c{class_id}" / name.format(number), seed, 10, 10)
    return root


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mixed")
    folder_of(root / "photos", 3, 5)
    augcli.generate(root / "photos", root / "out", "mixup", copies=2, seed=4)
    return root / "out"


def lines(out: Path, split: str = "train") -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / split / "metadata.jsonl").read_text().splitlines()]


def test_rows_are_those_of_the_file(mixed: Path) -> None:
    manifest = augcli.open_manifest(mixed)
    expected = lines(mixed)
    assert len(manifest) == len(expected) == 30
    assert [row.model_dump() for row in manifest] == expected
    assert manifest[3].sample_id == manifest[-27].sample_id == expected[3]["sample_id"]
    assert manifest.path(3).is_file()
    assert (manifest.classes, manifest.labels) == (("c0", "c1", "c2"), "single")
    with pytest.raises(IndexError):
        manifest[30]


def test_soft_labels_are_dense(mixed: Path) -> None:
    manifest = augcli.open_manifest(str(mixed))
    expected = np.array([line["soft_label"] for line in lines(mixed)], np.float32)
    dense = manifest.dense()
    assert dense.dtype == np.float32
    assert dense.shape == (30, 3)
    assert (dense == expected).all()
    assert (manifest.soft(7) == expected[7]).all()
    assert (np.count_nonzero(dense, axis=1) == 2).any()


def test_tables_have_the_columns_of_the_manifest(mixed: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    manifest, expected = augcli.open_manifest(mixed), lines(mixed)
    frame, table = manifest.to_pandas(), manifest.to_arrow()
    assert list(frame.columns) == table.column_names == list(expected[0])
    assert frame.to_dict("records") == table.to_pylist() == expected
    assert str(table.schema.field("boxes").type) == "list<item: list<item: int64>>"
    assert str(table.schema.field("lam").type) == "double"


@pytest.mark.parametrize(("method", "package"), [("to_pandas", "pandas"), ("to_arrow", "pyarrow")])
def test_a_package_that_is_not_installed(
    mixed: Path, monkeypatch: pytest.MonkeyPatch, method: str, package: str
) -> None:
    manifest = augcli.open_manifest(mixed)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(augcli.UserError, match=f"^{method} needs {package}; install it"):
        getattr(manifest, method)()


def test_parts_share_no_source_and_are_stratified(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "photos", 3, 20)
    augcli.generate(source, tmp_path / "out", "flip", copies=3, include_originals="copy")
    manifest = augcli.open_manifest(tmp_path / "out")
    parts = manifest.split_by_source(val=0.2, seed=1)
    assert sorted([*parts.train, *parts.val]) == list(range(240))
    train, val = ({manifest[int(i)].source_ids[0] for i in part} for part in parts)
    assert (len(train), len(val), train & val) == (48, 12, set())
    assert manifest.dense()[parts.val].sum(axis=0).tolist() == [16.0, 16.0, 16.0]
    assert (manifest.split_by_source(0.2, seed=1).val == parts.val).all()
    assert (manifest.split_by_source(0.2, seed=2).val != parts.val).any()


def test_mixtures_stay_with_their_sources(tmp_path: Path) -> None:
    """An output of two sources joins all outputs of both."""
    source = folder_of(tmp_path / "photos", 2, 64)
    augcli.generate(source, tmp_path / "out", "mixup", copies=1)
    manifest = augcli.open_manifest(tmp_path / "out")
    parts = manifest.split_by_source(val=0.25)
    train, val = ({s for i in part for s in manifest[int(i)].source_ids} for part in parts)
    assert train & val == set()
    assert 0.15 < len(parts.val) / 128 < 0.35
    weights = manifest.dense()[parts.val].sum(axis=0)
    assert weights.min() > 8


def test_all_rows_in_one_piece_cannot_be_parted(mixed: Path) -> None:
    with pytest.raises(augcli.UserError) as refused:
        augcli.open_manifest(mixed).split_by_source()
    assert str(refused.value) == (
        f"All 30 rows of {mixed} belong together: each shares a source image, or a group, with"
        " others, so that no part of them is free of the rest. Split the source first and augment"
        " its training part alone, or choose a recipe for single images."
    )


def test_a_share_that_is_missed_is_said(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "photos", 1, 4)
    augcli.generate(source, tmp_path / "out", "flip")
    manifest = augcli.open_manifest(tmp_path / "out")
    with pytest.warns(augcli.AugcliWarning) as issued:
        parts = manifest.split_by_source(val=0.15)
    assert len(parts.val) == 1
    assert str(issued[0].message) == (
        f"25.0% of the rows of {tmp_path / 'out'} can go into a part of 15.0% without a source"
        " image in both: the largest number of rows that belong together is 25.0%."
    )
    assert issued[0].filename == __file__
    with pytest.raises(augcli.UserError, match=r"^0\.0% of the rows .* Split the source first"):
        manifest.split_by_source(val=0.01)
    for val in (0, 1, -0.5, True):
        with pytest.raises(augcli.UserError, match=rf"^val={val} is not a share between 0 and 1"):
            manifest.split_by_source(val=val)
    with pytest.raises(augcli.UserError, match=r"^seed=-1 is not a whole number"):
        manifest.split_by_source(seed=-1)


def test_a_single_row_has_no_parts(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "photos", 1, 1)
    augcli.generate(source, tmp_path / "out", "flip")
    with pytest.raises(augcli.UserError, match=r"out has 1 row, and two parts need two\.$"):
        augcli.open_manifest(tmp_path / "out").split_by_source()


def test_groups_stay_together(tmp_path: Path) -> None:
    for number in range(64):
        write_photo(tmp_path / "photos" / "c" / f"p{number // 4}_{number}.png", number, 8, 8)
    augcli.generate(tmp_path / "photos", tmp_path / "out", "mixup", group_by=r"p(\d+)_")
    manifest = augcli.open_manifest(tmp_path / "out")
    groups = groups_of_sources(manifest.out, "train")
    paths = {
        i: p for row in manifest for i, p in zip(row.source_ids, row.source_paths, strict=True)
    }
    by_name = {i: int(Path(p).name[1:].partition("_")[0]) for i, p in paths.items()}
    assert len(by_name) == 64
    assert len({(groups[i], by_name[i]) for i in by_name}) == len(set(by_name.values())) == 16
    component, _ = components(manifest, 1, groups)
    of_group: dict[int, set[int]] = {}
    for row, number in zip(manifest, component.tolist(), strict=True):
        for source in row.source_ids:
            of_group.setdefault(by_name[source], set()).add(number)
    assert all(len(numbers) == 1 for numbers in of_group.values())
    (tmp_path / "photos").rename(tmp_path / "moved")
    with pytest.raises(augcli.UserError, match=r"SOURCE .* does not exist; say with source where"):
        manifest.split_by_source()
    assert groups_of_sources(manifest.out, "train", tmp_path / "moved") == groups


def test_triplets_of_augmix(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "photos", 2, 3)
    options = {"views": 2, "width": 1, "depth": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", augcli.AugcliWarning)
        augcli.generate(
            source, tmp_path / "out", "augmix", set=options, copies=2, include_originals="copy"
        )
    triplets = list(augcli.open_manifest(tmp_path / "out").groups())
    assert len(triplets) == 12
    for triplet in triplets:
        assert [row.view for row in triplet] == ["orig", "aug1", "aug2"]
        assert len({row.group_id for row in triplet}) == 1
        assert triplet.clean.source_ids == triplet.aug1.source_ids == triplet.aug2.source_ids
    file = tmp_path / "out/train/metadata.jsonl"
    kept = [line for line in file.read_text().splitlines(True) if '"aug2"' not in line]
    last = next(line for line in file.read_text().splitlines(True) if '"aug2"' in line)
    file.write_text("".join([*kept, last]))
    with pytest.raises(augcli.UserError, match="lacks views of 11 groups; `augcli verify"):
        list(augcli.open_manifest(tmp_path / "out").groups())


def test_a_run_without_triplets(mixed: Path) -> None:
    with pytest.raises(augcli.UserError, match=r"has no triplets of views; make it with recipe"):
        list(augcli.open_manifest(mixed).groups())


def test_without_labels(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "photos", 2, 10)
    with pytest.warns(augcli.AugcliWarning, match="without labels, as unlabelled=True says"):
        augcli.generate(source, tmp_path / "out", "flip", unlabelled=True)
    manifest = augcli.open_manifest(tmp_path / "out")
    assert (len(manifest), manifest.labels, manifest.classes) == (20, "none", ())
    for look in (manifest.dense, lambda: manifest.soft(0)):
        with pytest.raises(augcli.UserError, match=r"has no labels \(unlabelled=True\)\.$"):
            look()
    assert "label" not in manifest.to_pandas().columns
    assert len(manifest.split_by_source(val=0.2).val) == 4


def test_several_labels(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "photos", 1, 8)
    rows = "".join(f"c0/{n}.png,{'a|b' if n % 2 else 'b' if n % 4 else ''}\n" for n in range(8))
    (tmp_path / "photos" / "labels.csv").write_text(f"file_name,label\n{rows}")
    table = source / "labels.csv"
    augcli.generate(table, tmp_path / "out", "flip", multi_label=True, label_separator="|")
    manifest = augcli.open_manifest(tmp_path / "out")
    assert (manifest.labels, manifest.classes) == ("multi", ("a", "b"))
    assert manifest.dense().sum(axis=0).tolist() == [4.0, 6.0]
    parts = manifest.split_by_source(val=0.25)
    assert manifest.dense()[parts.val].sum(axis=0).tolist() == [1.0, 1.0]
    assert len(parts.val) == 2


def test_other_splits(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos" / "train", 2, 3)
    folder_of(tmp_path / "photos" / "val", 2, 2)
    made = augcli.generate(tmp_path / "photos", tmp_path / "out", "flip")
    assert dict(made.splits) == {"val": 4}
    manifest = augcli.open_manifest(tmp_path / "out", split="val")
    assert (len(manifest), manifest.dense().sum()) == (4, 4.0)
    assert manifest.path(0).is_file()
    with pytest.raises(augcli.UserError, match=r"names no split 'vall' \(did you mean 'val'\?\);"):
        augcli.open_manifest(tmp_path / "out", split="vall")


def test_what_is_no_finished_run(tmp_path: Path, mixed: Path) -> None:
    with pytest.raises(augcli.UserError) as refused:
        augcli.open_manifest(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} is no finished run of augcli: run.json: the file is missing."
    )
    out = shutil.copytree(mixed, tmp_path / "out")
    file = out / "train" / "metadata.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    manifest = augcli.open_manifest(out)
    with pytest.raises(augcli.UserError, match=r"line 30 breaks off; `augcli verify .* --repair`"):
        manifest[29]
    with pytest.raises(augcli.UserError, match="line 30 breaks off"):
        manifest.dense()
    file.unlink()
    with pytest.raises(augcli.UserError, match=r"metadata\.jsonl cannot be read: No such file"):
        augcli.open_manifest(out)


def test_a_label_that_no_class_has(tmp_path: Path, mixed: Path) -> None:
    out = shutil.copytree(mixed, tmp_path / "out")
    (out / "classes.txt").write_text("c0\n")
    with pytest.raises(augcli.UserError, match=r"its label is none of the classes in .*classes"):
        augcli.open_manifest(out).dense()
