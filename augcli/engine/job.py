"""What a run makes, and where and how fast: `Job` is all that the bytes of the outputs depend on,
`Runtime` nothing of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
)

import augcli
from augcli.engine.differences import begun_with
from augcli.enums import Chroma, Fit, Format, Labels, Originals, OtherSplits, Pair
from augcli.errors import UserError
from augcli.image.codec import Encoding
from augcli.manifest.file_names import ONLY_ID, read_template
from augcli.manifest.row import OLDEST_SCHEMA, SCHEMA_VERSION
from augcli.pipeline.pipeline import Pipeline, pipeline_of
from augcli.recipes.plugins import plugin_versions
from augcli.store.layout import DEFAULT_SINK, Place
from augcli.store.records import Identity
from augcli.store.sinks.shard_size import limits_of
from augcli.store.sinks.table import SINKS

if TYPE_CHECKING:
    from augcli.classifier.spec import ClassifierSpec
    from augcli.data.listing import Listing

_LARGE = 1 << 40


def _pipeline(value: Any) -> Pipeline:
    return value if isinstance(value, Pipeline) else pipeline_of(value)


def _template(text: str) -> str:
    try:
        return read_template(text)
    except UserError as error:
        raise ValueError(str(error)) from error


def _known_sink(name: str) -> str:
    if name not in SINKS:
        raise ValueError(f"is none of {', '.join(SINKS)}")
    return name


def _a_shard_size(text: str) -> str:
    limits_of(text)
    return text


# Fields that older records lack, with what they have instead.
_LATER = {
    "sink": DEFAULT_SINK,
    "shard_size": None,
    "other_splits": OtherSplits.none.value,
    "labels": Labels.single.value,
    "schema_version": OLDEST_SCHEMA,
    "name": ONLY_ID,
}

_Number = Annotated[int, Field(strict=True, ge=0, le=_LARGE)]
_Count = Annotated[int, Field(strict=True, ge=1, le=_LARGE)]
_Side = Annotated[int, Field(strict=True, ge=1, le=1 << 20)]
_Level = Annotated[int, Field(strict=True, ge=0, le=255)]
_Recipe = Annotated[Pipeline, PlainValidator(_pipeline), PlainSerializer(Pipeline.describe)]


class Job(BaseModel):
    """All that the bytes of a run's outputs depend on, beside the source's files and the versions
    of libraries. A field is an option, under the name that it has in `run.json`; an older record,
    which lacks one, has what `_LATER` says, else its default.

    `recipe` are the steps; `size` is (width, height) of all outputs, or None for the targets' own;
    `labels` are those of the source; `other_splits` is none where it has no others; `background` is
    RGB; `classifier` is `ClassifierSpec.identity()`, where one is used; `sink` is a name in
    `SINKS`; `shard_size` is how much goes into an archive, where that is not the default;
    `schema_version` is that of all rows; `name` says what files in folders are called, as
    `manifest.file_names` reads it.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="ignore")

    recipe: _Recipe
    seed: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] = 0
    copies: _Count = 1
    per_class: _Count | None = None
    pair: Pair = Pair.any
    size: tuple[_Side, _Side] | None = None
    fit: Fit = Fit.cover
    format: Format = Format.jpeg
    quality: Annotated[int, Field(strict=True, ge=1, le=100)] = 95
    chroma: Chroma = Chroma.full
    include_originals: Originals = Originals.none
    other_splits: OtherSplits = OtherSplits.none
    background: tuple[_Level, _Level, _Level] = (255, 255, 255)
    dense_labels: _Number = 100
    max_pixels: _Count = 100_000_000
    classifier: dict[str, Any] | None = None
    sink: Annotated[str, AfterValidator(_known_sink)] = DEFAULT_SINK
    shard_size: Annotated[str, AfterValidator(_a_shard_size)] | None = None
    labels: Labels = Labels.single
    schema_version: Annotated[int, Field(strict=True, ge=OLDEST_SCHEMA, le=SCHEMA_VERSION)] = (
        SCHEMA_VERSION
    )
    name: Annotated[str, AfterValidator(_template)] = ONLY_ID

    @property
    def pipeline(self) -> Pipeline:
        """The steps, as the code calls them."""
        return self.recipe

    @cached_property
    def encoding(self) -> Encoding:
        """How outputs are encoded."""
        return Encoding(self.format, self.quality, self.chroma)

    @cached_property
    def digest(self) -> str:
        """The digest of recipe and classifier: random streams and output names differ with it."""
        if self.classifier is None:
            return self.recipe.digest()
        parts = json.dumps([self.recipe.digest(), self.classifier], sort_keys=True)
        return hashlib.blake2b(parts.encode(), digest_size=8).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The job as JSON values, as `from_json` reads them; without what older records lack where
        it is what these have instead."""
        values = self.model_dump(mode="json")
        for name, usual in _LATER.items():
            if values[name] == usual:
                del values[name]
        return values

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Job:
        """The job that a record holds among other keys.

        Raises ValueError (as Pydantic's ValidationError), UserError, KeyError or TypeError where it
        holds none.
        """
        values = {k: record[k] for k in cls.model_fields if k in record}
        return cls.model_validate(_LATER | values)


@dataclass(frozen=True)
class Runtime:
    """Where a run goes, and with what it is made: nothing here changes a byte.

    `memory` is the bytes of decoded images that a worker holds at most; `classifier` says how and
    where the classifier of the job runs; `workers` are processes; an image that takes longer than
    `seconds_an_image` to decode is given up.
    """

    place: Place
    memory: int = 1 << 29
    classifier: ClassifierSpec | None = None
    workers: int = 1
    seconds_an_image: float = 60.0

    @property
    def state(self) -> Path:
        """Where the run keeps its state."""
        return self.place.state


def identity(job: Job, listing: Listing) -> Identity:
    """All that the bytes of a run depend on; nothing about where or how fast it runs."""
    values = job.to_json()
    recipe, seed = values.pop("recipe"), values.pop("seed")
    now = {
        "recipe": recipe,
        "seed": seed,
        "source": listing.fingerprint(),
        **values,
        "versions": versions(job),
    }
    usual = Job(recipe=job.recipe).to_json() | _LATER
    return Identity(now, usual, lambda before: begun_with(before, _LATER | now))


def versions(job: Job | None = None) -> dict[str, str]:
    """The versions of everything that decides about bytes."""
    import cv2
    import numpy
    import PIL

    several = {"numpy": numpy.__version__, "pillow": PIL.__version__}
    if job is not None and job.classifier is not None:
        import onnx

        from augcli.ort import onnxruntime

        several |= {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    if job is not None:
        several |= plugin_versions({recipe.name for recipe in job.pipeline.recipes()})
    return {"augcli": augcli.__version__, "opencv": cv2.__version__, **several}
