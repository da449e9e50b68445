"""Columns of Arrow tables, as Hugging Face's datasets and others keep images in: which of them has
the images, which the labels, and what these are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from augcli.data.class_numbers import check_names
from augcli.data.groups import group_column
from augcli.data.label_kinds import OR_MULTI, OR_UNLABELLED
from augcli.data.labels import printable
from augcli.data.parquet_columns import one_of_list
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.files import parse_json
from augcli.text import did_you_mean, listed, shorten

if TYPE_CHECKING:
    import pyarrow

_METADATA = b"huggingface"
_LABELS = ("label", "labels", "class", "class_name", "category", "target", "fine_label", "cls")
_NAMED = 8


def require_pyarrow(source: Path, what: str) -> None:
    """Raise UserError where the package is missing that reads a SOURCE which holds `what`."""
    try:
        import pyarrow.ipc
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"SOURCE {source} holds {what}, which needs the package pyarrow: run"
            " pip install 'augcli[parquet]'."
        ) from error


def unreadable(error: Exception, path: Path, kind: str) -> UserError:
    """The error of a file that the system refuses, or in which pyarrow does not find its way: then
    it is no whole file of the kind."""
    if isinstance(error, OSError) and error.strerror:
        return UserError(f"{path} cannot be read: {error.strerror}.")
    reason = shorten(" ".join(str(error).split()).rstrip("."), 120)
    return UserError(f"{path} is no whole {kind} file ({reason}); save or fetch it again.")


class Columns(NamedTuple):
    """The columns that are read. `inner` is where the bytes of the images lie in theirs: in a
    field `bytes`, or in the column itself (empty). `label` is empty where images have none. `names`
    are those of the classes, where the table has them; `has_numbers` says whether labels are
    numbers. `group` is the one that --group-by names, if it names one. `weights` are in the place
    of `label` where a column has a weight for each class, or each of several is of one class."""

    image: str
    inner: str
    label: str
    has_numbers: bool
    names: tuple[str, ...] | None
    others: tuple[str, ...]
    group: str | None = None
    weights: tuple[str, ...] = ()


def find_columns(schema: pyarrow.Schema, options: SourceOptions, where: str) -> Columns:
    """The columns of a table that `options` names, else those that its schema or their names tell;
    raises UserError."""
    features = _features(schema, where)
    image = _image_column(schema, features, options, where)
    inner = "bytes" if _is_struct(schema.field(image).type) else ""
    group = _group_column(schema, options, where)
    if options.labels is Labels.none:
        others = tuple(name for name in schema.names if name not in (image, group))
        return Columns(image, inner, "", True, None, others, group)
    weights = _weights_columns(schema, features, options, where, (image, group))
    if weights:
        names = None
        if options.weights_column is None:
            names = tuple(printable(n.encode("utf-8", "surrogateescape")) for n in weights)
            check_names(names, where)
        others = tuple(name for name in schema.names if name not in (image, group, *weights))
        return Columns(image, inner, "", True, names, others, group, weights)
    label = _label_column(schema, features, options, where, image)
    kind, feature = _of_list(schema.field(label).type), one_of_list(features.get(label))
    names = feature.get("names") if isinstance(feature, dict) else None
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        names = tuple(printable(name.encode("utf-8", "surrogateescape")) for name in names)
        check_names(names, where)
    else:
        names = None
    others = tuple(name for name in schema.names if name not in (image, label, group))
    return Columns(image, inner, label, _is_integer(kind), names, others, group)


def check_same(columns: Columns, before: Columns | None, where: str) -> None:
    """Raise UserError where a file has other columns than the one before it, if there is one."""
    if before is not None and columns._replace(others=()) != before._replace(others=()):
        raise UserError(
            f"{where} has other columns or classes than the files before it; give files of one data"
            " set."
        )


def _features(schema: pyarrow.Schema, where: str) -> dict[str, Any]:
    """What `datasets` says about the columns: its JSON stands in the schema's metadata."""
    text = (schema.metadata or {}).get(_METADATA)
    if text is None:
        return {}
    try:
        value = parse_json(text)["info"]["features"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{where}: what its metadata say about its columns (huggingface) is broken; save it"
            " anew."
        ) from error
    return value if isinstance(value, dict) else {}


def _image_column(
    schema: pyarrow.Schema, features: dict[str, Any], options: SourceOptions, where: str
) -> str:
    kinds = {name: schema.field(name).type for name in _unique(schema, where)}
    binary = [name for name, kind in kinds.items() if _is_binary(kind) or _is_struct(kind)]
    if options.path_column is not None:
        if options.path_column in binary:
            return options.path_column
        _refuse(options.path_column, kinds, "--path-column", "bytes of images", where)
    marked = [name for name in binary if _is_type(features.get(name), "Image")]
    if len(marked or binary) == 1:
        return (marked or binary)[0]
    if not binary:
        raise UserError(
            f"{where} has {_some(kinds)}, and none with bytes of images; give a table"
            " that has them, or save it anew by datasets, which puts them inside."
        )
    several = listed(map(shorten, (marked or binary)[:_NAMED]), "and")
    raise UserError(
        f"{where} has several columns of images, {several}; choose one with --path-column."
    )


def _label_column(
    schema: pyarrow.Schema,
    features: dict[str, Any],
    options: SourceOptions,
    where: str,
    image: str,
) -> str:
    kinds = {name: schema.field(name).type for name in schema.names}
    is_multi = options.labels is Labels.multi
    usable, lists = list[str](), list[str]()
    for name, kind in kinds.items():
        if name != image and (_is_integer(_of_list(kind)) or _is_text(_of_list(kind))):
            is_list = _of_list(kind) is not kind
            (lists if is_list and not is_multi else usable).append(name)
    if options.label_column is not None:
        if options.label_column in usable:
            return options.label_column
        if options.label_column in lists:
            raise _refuse_lists(options.label_column, where)
        _refuse(options.label_column, kinds, "--label-column", "numbers or texts", where)
    marked = [name for name in usable if _is_type(one_of_list(features.get(name)), "ClassLabel")]
    for name in _LABELS:
        if name in usable and (not marked or name in marked):
            return name
    if len(marked) == 1:
        return marked[0]
    if marked:
        several = listed(map(shorten, marked[:_NAMED]), "and")
        raise UserError(
            f"{where} has several columns of labels, {several}; choose one with --label-column."
        )
    if (
        is_multi
        and len(named := [name for name in usable if _of_list(kinds[name]) is not kinds[name]]) == 1
    ):
        return named[0]
    if lists:
        raise _refuse_lists(lists[0], where)
    of_classes = ""
    if is_multi and any(map(_is_number, kinds.values())):
        of_classes = ", those with a number for each class with --classes FILE"
    raise UserError(
        f"{where} has {_some(kinds)}, and none of labels beside the images; name one"
        f" with --label-column{of_classes}, or {OR_UNLABELLED}."
    )


def _weights_columns(
    schema: pyarrow.Schema,
    features: dict[str, Any],
    options: SourceOptions,
    where: str,
    taken: tuple[str | None, ...],
) -> tuple[str, ...]:
    """The column with a weight for each class that an option names; else, where an image may have
    several classes and no column is named or marked as that of labels, those with a number for each
    class: those that --classes names, or all others. Raises UserError."""
    kinds = {name: schema.field(name).type for name in schema.names if name not in taken}
    if options.weights_column is not None:
        if options.label_column is not None:
            raise UserError(
                "--label-column and --weights-column both say what the labels are; give one."
            )
        kind = kinds.get(options.weights_column)
        if kind is None or _of_list(kind) is kind or not _is_number(_of_list(kind)):
            what = "lists of numbers"
            _refuse(options.weights_column, kinds, "--weights-column", what, where)
        return (options.weights_column,)
    if options.labels is not Labels.multi or options.label_column is not None:
        return ()
    if any(
        name in _LABELS or _of_list(kind) is not kind
        or _is_type(one_of_list(features.get(name)), "ClassLabel")
        for name, kind in kinds.items()
    ):  # fmt: skip
        return ()
    named = tuple(name for name in kinds if options.classes and name in options.classes)
    if named:
        return named
    return tuple(kinds) if kinds and all(map(_is_number, kinds.values())) else ()


def _refuse_lists(name: str, where: str) -> UserError:
    return UserError(
        f"{where}: the column {shorten(name)} holds lists; {OR_MULTI}, else name a column with one"
        " class for each by --label-column."
    )


def _group_column(schema: pyarrow.Schema, options: SourceOptions, where: str) -> str | None:
    place = group_column(schema.names, options, where)
    if place is None:
        return None
    field = schema.field(place)
    if field.type.num_fields or _is_binary(field.type):
        raise UserError(
            f"--group-by {shorten(field.name)}: that column of {where} holds"
            f" {shorten(str(field.type))}, and not texts or numbers; choose another."
        )
    return str(field.name)


def _refuse(name: str, kinds: dict[str, Any], option: str, what: str, where: str) -> None:
    if name in kinds:
        raise UserError(
            f"{option} {shorten(name)}: that column of {where} holds {shorten(str(kinds[name]))},"
            f" and not {what}; choose another."
        )
    hint = did_you_mean(name, kinds)
    raise UserError(
        f"{option} {shorten(name)} is no column of {where}{hint}; it has {_some(kinds)}."
    )


def _unique(schema: pyarrow.Schema, where: str) -> list[str]:
    names = list(schema.names)
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{where} has two columns named {shorten(name)}; rename one.")
    return names


def _some(names: Iterable[str]) -> str:
    """Columns in a sentence, of which there is one at least."""
    every = list(names)
    more = [f"{len(every) - _NAMED} more"] if len(every) > _NAMED else []
    are = "the column" if len(every) == 1 else "the columns"
    return f"{are} " + listed([*(shorten(name, 40) for name in every[:_NAMED]), *more], "and")


def _is_type(feature: Any, name: str) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == name


def _is_binary(kind: pyarrow.DataType) -> bool:
    return str(kind) in ("binary", "large_binary")


def _is_struct(kind: pyarrow.DataType) -> bool:
    place = kind.get_field_index("bytes") if str(kind).startswith("struct<") else -1
    return place >= 0 and _is_binary(kind.field(place).type)


def _of_list(kind: Any) -> Any:
    """The type of what lists of this type hold; a type that is none as it is."""
    is_list = str(kind).startswith(("list<", "large_list<", "fixed_size_list<"))
    return kind.value_type if is_list else kind


def _is_integer(kind: pyarrow.DataType) -> bool:
    return str(kind).removeprefix("u") in ("int8", "int16", "int32", "int64")


def _is_number(kind: pyarrow.DataType) -> bool:
    return _is_integer(kind) or str(kind) in ("bool", "halffloat", "float", "double")


def _is_text(kind: pyarrow.DataType) -> bool:
    text = str(kind)
    if text.startswith("dictionary<"):
        text = str(kind.value_type)
    return text in ("string", "large_string")
