"""Options about SOURCE: which of its images are meant, how their labels and pixels are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from augcli.cli.declare import choice, file_option, flag, number, option
from augcli.cli.values import path_reader
from augcli.enums import LabelsFrom
from augcli.tasks.source_choice import GroupedChoice, SourceChoice

LabelsFromOption = Annotated[
    LabelsFrom,
    choice("labels-from", "the part of a path on standard input that names its class", LabelsFrom),
]
Background = Annotated[
    str, option("background", "the colour behind transparent pixels", metavar="#RRGGBB")
]
MaxPixels = Annotated[
    int,
    number("max-pixels", "refuse images of more than N pixels"),
]
PathColumn = Annotated[
    str | None,
    option("path-column", "the column of a table that names the images", metavar="COLUMN"),
]
LabelColumn = Annotated[
    str | None,
    option("label-column", "the column of a table that has the labels", metavar="COLUMN"),
]
WeightsColumn = Annotated[
    str | None,
    option("weights-column", "the column of a table with a weight for each class",
           metavar="COLUMN"),
]  # fmt: skip
Images = Annotated[
    Path | None,
    option(
        "images",
        "the folder in which a table's images lie (default: the table's)",
        parser=path_reader("--images"),
        metavar="DIR",
    ),
]
Suffix = Annotated[
    str | None,
    option("suffix", "what follows a table's image names in the files' names, as .jpg",
           metavar="TEXT"),
]  # fmt: skip
Split = Annotated[
    str | None,
    option("split", "the split that is augmented (default: that for training)", metavar="NAME"),
]
AllowEmptyClasses = Annotated[
    bool, flag("allow-empty-classes", "a class folder without images keeps its id")
]
Classes = Annotated[
    Path | None,
    file_option("classes", "a file that names the classes in the order of their ids, one a line"),
]
ClassesInclude = Annotated[
    list[str] | None,
    option("classes-include", "only classes that fit GLOB, as in 'n0*'; may be given again",
           metavar="GLOB"),
]  # fmt: skip
ClassesExclude = Annotated[
    list[str] | None,
    option("classes-exclude", "no classes that fit GLOB; may be given again", metavar="GLOB"),
]
MultiLabel = Annotated[
    bool,
    flag("multi-label", "an image may have several classes or none: a target of 0 to 1 for each"),
]
LabelSeparator = Annotated[
    str | None,
    option("label-separator", "what stands between the classes of an image, as in 'cat|dog'",
           metavar="TEXT"),
]  # fmt: skip
Unlabelled = Annotated[
    bool, flag("unlabelled", "images without labels, or whose labels do not count")
]
Limit = Annotated[
    int | None,
    number(
        "limit", "use N images, spread evenly over SOURCE; of splits only the augmented one is cut"
    ),
]
GroupBy = Annotated[
    str | None,
    option(
        "group-by",
        "never mix what is of one patient, one video: a column of a table, or a regular expression"
        " over names, as 'patient_(\\d+)'",
        metavar="COLUMN",
    ),
]


@dataclass(frozen=True)
class ReadingOptions(SourceChoice):
    """Which images of SOURCE are read, and how."""

    labels_from: LabelsFromOption = LabelsFrom.parent
    background: Background = "#ffffff"
    max_pixels: MaxPixels = 100_000_000
    classes: Classes = None
    classes_include: ClassesInclude = None
    classes_exclude: ClassesExclude = None
    limit: Limit = None
    path_column: PathColumn = None
    label_column: LabelColumn = None
    weights_column: WeightsColumn = None
    images: Images = None
    suffix: Suffix = None
    split: Split = None
    allow_empty_classes: AllowEmptyClasses = False
    multi_label: MultiLabel = False
    label_separator: LabelSeparator = None
    unlabelled: Unlabelled = False


@dataclass(frozen=True)
class GroupedReading(ReadingOptions, GroupedChoice):
    """Which images of SOURCE are read, how, and which of them belong together."""

    group_by: GroupBy = None
