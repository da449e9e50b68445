"""OUT of tars as a SOURCE, and by the command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels, OtherSplits
from augcli.errors import UserError
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.mixup import Mixup
from tests.conftest import write_photo
from tests.helpers.runs import make_run, run_over
from tests.helpers.tar_harms import archive, make, members, rows_of, write
from tests.tasks.test_webdataset import made

__all__ = ["made"]  # a fixture


class TestAsSource:
    """OUT is augmented again: its soft labels count, and splits stay splits."""

    def test_labels_classes_and_splits(self, made: Path) -> None:
        listing = list_source(made / "out")
        rows = rows_of(made / "out")
        assert (listing.reader, listing.classes, listing.warnings) == ("tar", ("a", "b"), ())
        assert len(listing) == len(rows) == 30
        for index, row in enumerate(rows):
            label = listing.label(index)
            assert [*label.ids] == row["label_ids"]
            assert [*label.weights] == row["label_weights"]
            assert listing.sample(index).relative == row["file_name"]
        assert len({len(row["label_ids"]) for row in rows}) == 2, "of one class, and of two"
        (val,) = listing.others
        assert (val.split, len(val), val.classes) == ("val", 3, ("a", "b"))
        for place in (made / "out/train", f"{made}/out/train/train-{{000000..000002}}.tar"):
            again = list_source(Path(place))
            assert [again.label(i) for i in range(30)] == [listing.label(i) for i in range(30)]

    def test_mixing_a_mixed_set_again(self, made: Path, tmp_path: Path) -> None:
        """As an OUT of folders gives it; by hand for one output."""
        make(run_over(made / "source", tmp_path / "plain", other_splits=OtherSplits.copy))
        pipeline = Pipeline("mixup", (Step(Mixup()),))
        outs = {}
        for name, source in [("plain", tmp_path / "plain"), ("packed", made / "out")]:
            run = make_run(list_source(source), pipeline, tmp_path / f"{name}2/.augcli",
                           sink="webdataset")  # fmt: skip
            outs[name] = rows_of(make(run))
        of_first = {row["file_name"]: row for row in rows_of(made / "out")}
        checked = 0
        for row in outs["packed"]:
            expected = [0.0, 0.0]
            shares = [row["lam"], 1 - row["lam"]][: len(row["source_paths"])]
            for path, share in zip(row["source_paths"], shares, strict=True):
                for number, weight in enumerate(of_first[path]["soft_label"]):
                    expected[number] += share * weight
            assert row["soft_label"] == pytest.approx(expected)
            checked += len(row["source_paths"]) == 2
        assert checked > 20
        assert len(outs["plain"]) == len(outs["packed"])

    def test_classes_without_a_list(self, made: Path, tmp_path: Path) -> None:
        shutil.copy(archive(made / "out"), tmp_path / "some.tar")
        listing = list_source(tmp_path / "some.tar")
        assert listing.classes == ("a", "b"), "as rows name each"
        several = members(tmp_path / "some.tar")
        only_a = [
            (name, data)
            for at in range(0, 30, 3)
            for name, data in several[at : at + 3]
            if json.loads(several[at + 1][1])["label"] == 0
        ]
        write(tmp_path / "some.tar", only_a)
        with pytest.raises(UserError, match=r"does not name all its classes; put the classes.txt"):
            list_source(tmp_path / "some.tar")
        listing = list_source(tmp_path / "some.tar", SourceOptions(classes=("x", "y")))
        assert (listing.classes, len(listing)) == (("x", "y"), len(only_a) // 3)

    def test_labels_that_are_none(self, made: Path, tmp_path: Path) -> None:
        several = members(archive(made / "out"))
        name, data = several[1]
        row = json.loads(data)
        for weights, ids, sentence in [
            ([0.2, 0.2], [0, 1], "the label weights beside .* are not positive with the sum 1"),
            ([0.5, 0.5], [0, 7], r"has class 7, which is not one of 2 classes"),
            ([1.0], "a", r"9 of 10 images have a row of augcli beside them"),
        ]:
            row |= {"label_ids": ids, "label_weights": weights}
            write(tmp_path / "train-000000.tar",
                  [several[0], (name, json.dumps(row).encode()), *several[2:]])  # fmt: skip
            (tmp_path / "classes.txt").write_text("a\nb\n")
            with pytest.raises(UserError, match=sentence):
                list_source(tmp_path / "train-000000.tar")
            column = SourceOptions(label_column="label")
            assert len(list_source(tmp_path / "train-000000.tar", column)) == 10

    def test_several_classes_an_image_and_none(self, tmp_path: Path) -> None:
        lines = ["file_name,label"]
        for number in range(6):
            write_photo(tmp_path / f"multi/{number}.jpg", number, 16, 12)
            lines.append(f"{number}.jpg,{['a|b', 'c', ''][number % 3]}")
        (tmp_path / "multi/metadata.csv").write_text("\n".join(lines))
        options = SourceOptions(labels=Labels.multi, label_separator="|")
        pipeline = Pipeline("mixup", (Step(Mixup()),))
        run = make_run(
            list_source(tmp_path / "multi", options),
            pipeline,
            tmp_path / "out/.augcli",
            sink="webdataset",
            labels=Labels.multi,
        )
        out = make(run)
        listing = list_source(out, SourceOptions(labels=Labels.multi))
        assert listing.classes == ("a", "b", "c")
        for index, row in enumerate(rows_of(out)):
            pairs = zip(row["label_ids"], row["label_weights"], strict=True)
            label = listing.label(index)
            assert [*zip(label.ids, label.weights, strict=True)] == [p for p in pairs if p[1]]
        assert len(list_source(out, SourceOptions(labels=Labels.none))) == 6

    def test_its_manifest_is_no_source(self, made: Path) -> None:
        with pytest.raises(UserError, match=r"names images in tar archives, .*; give the folder"):
            list_source(made / "out/train/metadata.jsonl")
