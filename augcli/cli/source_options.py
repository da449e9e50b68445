"""Options about SOURCE: which of its images are meant, how their labels and pixels are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from augcli.cli.declare import choice, file_option, flag, number, option
from augcli.cli.values import path_reader
from augcli.enums import Labels, LabelsFrom
from augcli.errors import UserError
from augcli.text import count_text, shorten

if TYPE_CHECKING:
    from augcli.data.source_options import SourceOptions

# What OpenCV decodes at most.
MOST_PIXELS = 1 << 30
_MOST_IMAGES = 1 << 40

LabelsFromOption = Annotated[
    LabelsFrom,
    choice("labels-from", "the part of a path on standard input that names its class", LabelsFrom),
]
Background = Annotated[
    str, option("background", "the colour behind transparent pixels", metavar="#RRGGBB")
]
MaxPixels = Annotated[
    int,
    number("max-pixels", "refuse images of more than N pixels", least=1, most=MOST_PIXELS),
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
        "limit",
        "use N images, spread evenly over SOURCE; of splits only the augmented one is cut",
        least=1,
        most=_MOST_IMAGES,
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
class ReadingOptions:
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

    @property
    def labels(self) -> Labels:
        """What the labels are; raises UserError where two options say it."""
        if self.multi_label and self.unlabelled:
            raise UserError(
                "--multi-label says that images have labels, and --unlabelled that they have none;"
                " give one of them."
            )
        if self.unlabelled:
            return Labels.none
        return Labels.multi if self.multi_label else Labels.single

    def of_source(self) -> SourceOptions:
        """What they say about SOURCE; raises UserError where the file of classes is none."""
        from augcli.data.source_options import SourceOptions

        values: dict[str, Any] = {
            name: getattr(self, name) for name in SourceOptions.model_fields if hasattr(self, name)
        }
        values["classes"] = None if self.classes is None else _read_classes(self.classes)
        values["images"] = None if self.images is None else str(self.images.absolute())
        for name in ("classes_include", "classes_exclude"):
            values[name] = tuple(values[name] or ())
        return SourceOptions(**values)


@dataclass(frozen=True)
class GroupedReading(ReadingOptions):
    """Which images of SOURCE are read, how, and which of them belong together."""

    group_by: GroupBy = None


def _read_classes(file: Path) -> tuple[str, ...]:
    from augcli.data.labels import split_lines
    from augcli.text_files import LARGEST_LIST, read_text

    try:
        names = tuple(split_lines(read_text(file, LARGEST_LIST)))
    except FileNotFoundError as error:
        raise UserError(
            f"--classes {file} does not exist; give a file that names the classes, one a line"
            " (--classes-include chooses classes)."
        ) from error
    except OSError as error:
        raise UserError(f"--classes {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"--classes {file} cannot be read: {error}.") from error
    lines: dict[str, int] = {}
    for line, name in enumerate(names, 1):
        if not name.strip():
            raise UserError(f"--classes {file}, line {line}: it is empty; name a class there.")
        if lines.setdefault(name, line) != line:
            raise UserError(
                f"--classes {file}, line {line}: {shorten(name)} stands in line {lines[name]}"
                " already; name each class once."
            )
    if not names:
        raise UserError(f"--classes {file} has {count_text(0, 'line')}; name a class in each.")
    return names
