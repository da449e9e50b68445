"""The schema of the soft-label manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, FailFast, Field

# Rows of version 1 have the seed in hex, and lists that may be empty; all rows of a run have the
# version in its run.json, which is 1 where it says none.
SCHEMA_VERSION = 2
OLDEST_SCHEMA = 1

# What covers nothing.
_EMPTY_BOX = (0, 0, 0, 0)

# One error is enough: of a long list that is no such list, each item would be another.
Ints = Annotated[list[int], FailFast()]
Texts = Annotated[list[str], FailFast()]
Boxes = Annotated[list[Ints], FailFast()]


class Row(BaseModel):
    """One output image. Lists hold no nulls and are not empty, no column is a dictionary, integers
    stay below 2**63: each of these breaks some reader of JSON lines or Parquet. So does a column
    without any value, therefore all rows of a run lack the columns of labels that it has not."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    file_name: str = Field(
        description="path of the image below the manifest's folder, POSIX; of a WebDataset the tar"
        " and the image's name in it, as train-000000.tar/KEY.jpg (KEY is the sample_id), and in"
        " the KEY.json of the tar that name alone"
    )
    label: int | None = Field(
        None, description="id of the class of greatest weight; not with --multi-label"
    )
    class_name: str | None = Field(None, description="name of that class; not with --multi-label")
    label_ids: Annotated[list[int] | None, FailFast()] = Field(
        None, description="ids of all classes with weight; 0, of weight 0, where none has any"
    )
    label_weights: Annotated[list[float] | None, FailFast()] = Field(
        None,
        description="their weights, parallel to label_ids; sum 1, with --multi-label each up to 1",
    )
    soft_label: Annotated[list[float] | None, FailFast()] = Field(
        None, description="one weight a class, in class order; up to --dense-labels classes"
    )
    sample_id: str = Field(description="16 hex digits, distinct for every output")
    group_id: str = Field(description="common to the views of one target")
    view: str = Field(description="orig, aug1 or aug2 within the group")
    source_ids: Texts = Field(
        description="ids of the images that went in, the target first; no partner of which nothing"
        " was taken"
    )
    source_paths: Texts = Field(description="their paths below SOURCE")
    lam: float = Field(description="the target's share after all steps")
    boxes: Boxes = Field(
        description="[top, left, bottom, right] of each region that a step covered or put back, in"
        " the order of the steps, from the last one on that moved the target's pixels; [0, 0, 0, 0]"
        " where there is none"
    )
    recipe: str = Field(description="the recipe's name; empty for an original")
    params: str = Field(description="all that was drawn, as JSON; null where nothing was applied")
    saliency_method: str = Field(
        description="the detectors whose maps were looked at, comma-separated; empty where none was"
    )
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")
    sha256: str = Field(description="of the image file, hex")
    seed: str = Field(description="the run's seed, a whole number")
    schema_version: int = Field(description="2")


def seed_column(seed: int, version: int) -> str:
    """A run's seed as rows of this schema version have it."""
    return f"{seed:x}" if version == OLDEST_SCHEMA else str(seed)


def boxes_column(boxes: Sequence[Sequence[int]], version: int) -> list[list[int]]:
    """Boxes as rows of this schema version have them: a column whose first rows are empty lists has
    no type for most readers."""
    written = list(map(list, boxes))
    return written if written or version == OLDEST_SCHEMA else [list(_EMPTY_BOX)]


def label_columns(
    ids: Sequence[int], weights: Sequence[float], version: int
) -> tuple[list[int], list[float]]:
    """The ids and weights of an image's classes as rows of this schema version have them: where it
    has none, the first class stands there with the weight 0."""
    if ids or version == OLDEST_SCHEMA:
        return list(ids), list(weights)
    return [0], [0.0]


def to_text(values: Any) -> str:
    """Compact JSON. What is no finite number becomes null, which no field of a row admits."""
    return orjson.dumps(values, _as_plain).decode()


def to_line(values: dict[str, Any]) -> str:
    """A JSON line, with its newline, of a row's values."""
    return orjson.dumps(values, _as_plain, orjson.OPT_APPEND_NEWLINE).decode()


def _as_plain(value: Any) -> Any:
    """A named tuple as a list, which is what JSON has of it."""
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no place in a manifest")
