"""`augcli.open_manifest`: what a run has left, for whatever trains on it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, Union, get_args, get_origin

import numpy as np
import numpy.typing as npt

from augcli.api.keywords import FilePath
from augcli.api.splitting import SplitRows, groups_of_sources, split_rows
from augcli.api.values import python_sentences, read_path
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.manifest.reader import LONGEST_LINE, open_own, parse_row, read_classes, read_lines
from augcli.manifest.record import BadRecord, read_splits, read_summary
from augcli.manifest.row import Row
from augcli.published import CLASSES, MANIFEST, RUN, TRAIN
from augcli.store.layout import DEFAULT_SINK
from augcli.text import did_you_mean, listed

if TYPE_CHECKING:
    import pandas
    import pyarrow

_VIEWS = ("orig", "aug1", "aug2")


class Triplet(NamedTuple):
    """The rows of a clean image and of two views of it, as AugMix's consistency loss takes them."""

    clean: Row
    aug1: Row
    aug2: Row


class Manifest:
    """The rows of a split of an output folder, in their order: `len(manifest)`, `manifest[i]`,
    `for row in manifest`. Each is read when it is looked at; 8 bytes a row are held.

    `out` is the folder, `split` the name of the split's folder in it, `classes` the names of the
    classes in the order of their ids, `labels` "single", "multi" or "none".
    """

    def __init__(self, out: Path, split: str, classes: Sequence[str], labels: Labels) -> None:
        self.out, self.split, self.labels = out, split, labels
        self.classes = tuple(classes)
        self._offsets = array("Q")
        try:
            self._offsets.extend(offset for _, offset, _ in read_lines(self._folder))
        except OSError as error:
            raise UserError(
                f"{self._folder / MANIFEST} cannot be read: {error.strerror}."
            ) from error

    def __repr__(self) -> str:
        return f"<augcli manifest of {self._folder}: {len(self)} rows>"

    @property
    def _folder(self) -> Path:
        return self.out / self.split

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, number: int) -> Row:
        """The row of this number, from the end where it is negative. Raises IndexError where there
        is none, `augcli.UserError` where it is damaged."""
        place = range(len(self))[number]
        with open_own(self._folder / MANIFEST) as file:
            file.seek(self._offsets[place])
            return self._row(file.readline(LONGEST_LINE + 1), place + 1)

    def __iter__(self) -> Iterator[Row]:
        for number, _, line in read_lines(self._folder):
            yield self._row(line, number)

    def _row(self, line: bytes, number: int) -> Row:
        row = parse_row(line, number)
        if not isinstance(row, Row):
            raise UserError(
                f"{self._folder / MANIFEST}: {row}; `augcli verify {self.out} --repair` makes it"
                " again."
            )
        return row

    def path(self, number: int) -> Path:
        """The image of a row."""
        return self._folder / self[number].file_name

    def soft(self, number: int) -> npt.NDArray[np.float32]:
        """The soft label of a row, float32 (classes,): one weight a class. Raises
        `augcli.UserError` where the run has no labels."""
        dense = np.zeros(len(self._labelled()), np.float32)
        self._fill(dense, self[number])
        return dense

    def dense(self) -> npt.NDArray[np.float32]:
        """The soft labels of all rows, float32 (rows, classes). Raises `augcli.UserError` where the
        run has no labels."""
        dense = np.zeros((len(self), len(self._labelled())), np.float32)
        for weights, row in zip(dense, self, strict=True):
            self._fill(weights, row)
        return dense

    def _fill(self, dense: npt.NDArray[np.float32], row: Row) -> None:
        ids, weights = row.label_ids or (), row.label_weights or ()
        if len(ids) != len(weights) or not all(0 <= one < len(dense) for one in ids):
            raise UserError(
                f"{self._folder / row.file_name}: its label is none of the classes in"
                f" {self.out / CLASSES}; `augcli verify {self.out}` shows what is wrong."
            )
        for class_id, weight in zip(ids, weights, strict=True):
            dense[class_id] = weight

    def _labelled(self) -> tuple[str, ...]:
        if self.labels is Labels.none:
            raise UserError(f"The run in {self.out} has no labels (unlabelled=True).")
        return self.classes

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a pandas DataFrame, with the columns of the manifest."""
        try:
            import pandas
        except ImportError as error:
            raise UserError("to_pandas needs pandas; install it (pip install pandas).") from error
        return pandas.DataFrame(self._columns())

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a pyarrow Table, with the columns of the manifest."""
        try:
            import pyarrow
        except ImportError as error:
            raise UserError(
                "to_arrow needs pyarrow; install it (pip install augcli[parquet])."
            ) from error
        columns = self._columns()
        types = {name: _arrow_type(pyarrow, Row.model_fields[name].annotation) for name in columns}
        return pyarrow.table(columns, schema=pyarrow.schema(types.items()))

    def _columns(self) -> dict[str, list[Any]]:
        """The values of all rows by their columns: those that the rows of this run have."""
        rows = list(self)
        given = rows[0].model_fields_set if rows else Row.model_fields.keys()
        names = [name for name in Row.model_fields if name in given]
        return {name: [getattr(row, name) for row in rows] for name in names}

    def groups(self) -> Iterator[Triplet]:
        """The triplets of a run of AugMix with views=2: the clean image and two views of it, in the
        order in which they are complete. Raises `augcli.UserError` where the run has none."""
        waiting: dict[str, dict[str, Row]] = {}
        count = 0
        for row in self:
            if row.recipe == "":  # a source image that went along
                continue
            if row.view not in _VIEWS:
                raise UserError(f"{self.out} has the view {row.view[:40]}, which no triplet has.")
            views = waiting.setdefault(row.group_id, {})
            views[row.view] = row
            if len(views) == len(_VIEWS):
                count += 1
                del waiting[row.group_id]
                yield Triplet(*(views[view] for view in _VIEWS))
        if not count:
            raise UserError(
                f"{self.out} has no triplets of views; make it with recipe augmix and"
                " set={'views': 2}."
            )
        if waiting:
            raise UserError(
                f"{self.out} lacks views of {len(waiting)} groups; `augcli verify {self.out}"
                " --repair` makes them again."
            )

    def split_by_source(
        self, val: float = 0.1, seed: int = 0, *, source: FilePath | None = None
    ) -> SplitRows:
        """The numbers of the rows in two parts, `train` and `val`, so that no source image, and no
        group of `group_by`, has gone into both: int64 arrays in ascending order.

        `val` is the share of rows in the second part, of each class as far as what belongs together
        allows; where it is missed by half or more, that is warned of. The same seed gives the same
        parts. The groups are read from the run's source, which is in `source` if it has moved.
        Raises `augcli.UserError` where all rows belong together, as after mixing images with many
        others: split the source first, then augment its training part alone.
        """
        with python_sentences({"source": str}):
            moved = None if source is None else read_path("source", source)
            group_of = groups_of_sources(self.out, self.split, moved)
            return split_rows(self.out, self, len(self.classes), group_of, val, seed)


def open_manifest(out: FilePath, split: str = TRAIN) -> Manifest:
    """The manifest of a finished run in `out`; `split` names another split that went along.

    Raises `augcli.UserError` where `out` is no finished run, or has no such split.
    """
    with python_sentences({}):
        folder = read_path("out", out)
        try:
            summary = read_summary(folder)
            labels = Labels(summary.get("labels", Labels.single))
            names = [TRAIN, *read_splits(summary)]
            classes = read_classes(folder / CLASSES)
        except BadRecord as error:
            raise UserError(f"{folder} is no finished run of augcli: {error}.") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{folder} is damaged: {error}.") from error
        sink = summary.get("sink", DEFAULT_SINK)
        if sink != DEFAULT_SINK:
            raise UserError(
                f"{folder} was written as {str(sink)[:40]}, and folders of images are read here;"
                f" `augcli convert {folder} OTHER --output-format folder` makes them."
            )
        if split not in names:
            raise UserError(
                f"{folder / RUN} names no split {split!r}{did_you_mean(split, names)}; give"
                f" {listed(names)}."
            )
        return Manifest(folder, split, classes, labels)


def _arrow_type(pyarrow: Any, annotation: Any) -> Any:
    """The type of a column in Arrow, by that of the row's field."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        inner = next(one for one in get_args(annotation) if one is not type(None))
        return _arrow_type(pyarrow, inner)
    if origin is list:
        return pyarrow.list_(_arrow_type(pyarrow, get_args(annotation)[0]))
    if origin is not None:  # Annotated
        return _arrow_type(pyarrow, get_args(annotation)[0])
    kinds = {str: pyarrow.string, int: pyarrow.int64, float: pyarrow.float64, bool: pyarrow.bool_}
    return kinds[annotation]()
