"""Rows of Parquet files without images in them, a batch of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from augcli.data.parquet_bounds import refuse_bombs
from augcli.errors import UserError
from augcli.files import MIB, open_regular

_BATCH = 4096
_MOST_COLUMNS = 10_000


def holds_images(source: Path) -> bool:
    """Whether a column holds images: bytes, or a struct with bytes in it, as `datasets` has them.

    Raises UserError as `columns`.
    """
    require(source)
    import pyarrow.types as types

    with _opened(source) as file:
        for column in file.schema_arrow:
            kind = column.type
            inner = [kind.field(at).type for at in range(kind.num_fields)]
            inner = inner if types.is_struct(kind) else []
            if any(types.is_binary(one) or types.is_large_binary(one) for one in [kind, *inner]):
                return True
    return False


def columns(source: Path) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The names of the columns, and the class names of those that `datasets` wrote as ClassLabel.

    Raises UserError where it is no Parquet file, and where pyarrow is missing.
    """
    with _opened(source) as file:
        schema = file.schema_arrow
        if len(schema) > _MOST_COLUMNS:
            raise UserError(f"{source} has {len(schema)} columns, too many for a table of images.")
        return tuple(schema.names), _class_names(schema.metadata or {})


def rows(source: Path, names: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
    """The values of `names` in each row, and its number from 1."""
    number = 0
    with _opened(source) as file:
        refuse_bombs(source, file, names)
        batches = file.iter_batches(_BATCH, columns=list(dict.fromkeys(names)), use_threads=False)
        for batch in batches:
            values = [batch.column(name).to_pylist() for name in names]
            for row in zip(*values, strict=True):
                number += 1
                yield number, row


def require(source: Path) -> None:
    """Raise UserError where pyarrow, with which a file is read, is missing."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"{source} is read with pyarrow; run pip install 'augcli[parquet]'."
        ) from error


@contextmanager
def _opened(source: Path) -> Iterator[Any]:
    require(source)
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        with open_regular(source) as file:
            yield parquet.ParquetFile(
                file, buffer_size=MIB, thrift_string_size_limit=64 * MIB,
                thrift_container_size_limit=1 << 20,
            )  # fmt: skip
    except (arrow.ArrowException, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise UserError(f"{source} cannot be read: {error.strerror}.") from error
        raise UserError(f"{source} is no whole Parquet file; copy it again.") from error
    except MemoryError as error:
        raise UserError(f"{source} needs more memory than there is; divide it.") from error


def one_of_list(feature: Any) -> Any:
    """What `datasets` says of each value in a list, where a feature is one; else the feature."""
    if isinstance(feature, list) and len(feature) == 1:
        return feature[0]
    if isinstance(feature, dict) and feature.get("_type") in ("Sequence", "List", "LargeList"):
        return feature.get("feature")
    return feature


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """What the schema says for `datasets`; what is not as it writes it says nothing."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {}
        for column, feature in features.items():
            feature = one_of_list(feature)
            if feature.get("_type") == "ClassLabel":
                names = feature["names"]
                if all(isinstance(name, str) for name in names):
                    found[column] = tuple(names)
        return found
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
