"""Which images of SOURCE are meant, and how their labels and pixels are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augcli.enums import STDIN, Existing, Labels, LabelsFrom
from augcli.errors import UserError
from augcli.files import exists
from augcli.published import STATE
from augcli.text import count_text, shorten

if TYPE_CHECKING:
    from augcli.data.listing import Listing
    from augcli.data.source_options import SourceOptions


@dataclass(frozen=True)
class SourceChoice:
    """Which images of SOURCE are read, and how."""

    labels_from: LabelsFrom = LabelsFrom.parent
    background: str = "#ffffff"
    max_pixels: int = 100_000_000
    classes: Path | None = None
    classes_include: Sequence[str] | None = None
    classes_exclude: Sequence[str] | None = None
    limit: int | None = None
    path_column: str | None = None
    label_column: str | None = None
    weights_column: str | None = None
    images: Path | None = None
    suffix: str | None = None
    split: str | None = None
    allow_empty_classes: bool = False
    multi_label: bool = False
    label_separator: str | None = None
    unlabelled: bool = False

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
class GroupedChoice(SourceChoice):
    """Which images of SOURCE are read, how, and which of them belong together."""

    group_by: str | None = None


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


def read_source(
    source: str,
    reading: SourceChoice,
    warn: Callable[[str], None],
    out: Path | None = None,
) -> Listing:
    """List the images of SOURCE; `warn` is called with each sentence about what of it is not read.

    Raises UserError; where SOURCE and `out` were mixed up, with that.
    """
    from augcli.data.source import list_paths, list_source

    if source == STDIN:
        import sys

        if sys.stdin.isatty():
            raise UserError("SOURCE - reads paths from standard input; pipe a list into it.")
        listing = list_paths(sys.stdin.buffer, reading.labels_from, options=reading.of_source())
    else:
        from augcli.store.folders import refuse_as_source

        _refuse_other_order(source, out)
        refuse_as_source(Path(source))
        listing = list_source(Path(source), reading.of_source())
    from augcli.data.missing_images import refuse_all_missing

    refuse_all_missing(listing, source)
    for sentence in listing.warnings:
        warn(sentence)
    return listing


def _refuse_other_order(source: str, out: Path | None) -> None:
    """Refuse a SOURCE that is not there, and is a recipe's name, or stands before what holds
    images; raises UserError."""
    if exists(source):
        return
    from augcli.data.missing_source import why_missing
    from augcli.recipes.names import find_recipe

    recipe = find_recipe(source)
    if recipe is not None:
        raise UserError(
            f"SOURCE {shorten(source)} does not exist, and is a recipe's name; give that as"
            f" --recipe {recipe}, and SOURCE first."
        )
    if out is None or not exists(str(out)) or exists(str(out / STATE)):
        return
    if (out.is_file() or _holds(out)) and not why_missing(Path(source)):
        raise UserError(
            f"SOURCE {shorten(source)} does not exist, and OUT {shorten(str(out))} does; SOURCE"
            " stands first, and OUT behind it."
        )


def _holds(folder: Path) -> bool:
    """Whether there is something in a folder that can be looked into."""
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def source_record(source: str, reading: SourceChoice) -> dict[str, Any]:
    """What run.json says of SOURCE, by which it is read again."""
    record: dict[str, Any] = {"source": source}
    if source == STDIN:
        record |= {"root": str(Path.cwd()), "labels_from": reading.labels_from.value}
    else:
        record["source"] = str(Path(source).resolve())
    options = reading.of_source().record()
    return record | ({"source_options": options} if options else {})


def read_existing(*, resume: bool, overwrite: bool) -> Existing:
    """What is to become of a run in OUT; of the two at most one is given."""
    if resume:
        return Existing.resume
    return Existing.overwrite if overwrite else Existing.refuse
