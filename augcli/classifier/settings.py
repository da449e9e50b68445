"""How a classifier takes its images: from options, a file beside the model, or its metadata.

`M.toml` or `M.json` beside `M.onnx` may hold any of the fields of `ModelSettings`; the model's own
metadata may hold the same as JSON under the key "augcli", or the image fields of the ONNX standard
(https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md). An option beats the file, which
beats the metadata, field by field.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from augcli.arrays.types import Shape
from augcli.classifier.preprocess import Preprocessing
from augcli.declared import declared_spellings, find_unknown, what_is_wrong
from augcli.errors import UserError
from augcli.files import parse_json
from augcli.text import listed, shorten
from augcli.text_files import LARGEST_TOML, parse_toml, read_text

METADATA = "augcli"

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_RANGES: dict[str, dict[str, Any]] = {
    "NominalRange_0_255": {"scale": 1.0},
    "Normalized_0_1": {"scale": 255.0},
    "Normalized_1_1": {"scale": 127.5, "mean": (1.0,)},
}
_ORDERS = {"Rgb8": "rgb", "Rgba8": "rgb", "Bgr8": "bgr", "Bgra8": "bgr"}


def _one_or_three(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) not in (1, 3):
        raise ValueError("give one number, or one for each of three channels")
    return values


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, int | float) else value


Numbers = Annotated[tuple[float, ...], BeforeValidator(_as_list), AfterValidator(_one_or_three)]
Channels = Literal["imagenet"] | Numbers
Side = Annotated[int, Field(gt=0, le=1 << 16)]


class ModelSettings(BaseModel):
    """What is known about a classifier; None where nothing is said.

    size is (height, width). mean, std and scale are those of `Preprocessing`; "imagenet" stands for
    ImageNet's, which torchvision and timm train with. classes names the outputs of head, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: Annotated[
        tuple[Side, Side] | None,
        BeforeValidator(lambda size: (size, size) if isinstance(size, int) else size),
    ] = None
    mean: Channels | None = None
    std: Channels | None = None
    scale: Annotated[float, Field(gt=0)] | None = None
    order: Literal["rgb", "bgr"] | None = None
    head: str | None = None
    layer: str | None = None
    classes: tuple[str, ...] | None = None

    def over(self, other: ModelSettings) -> ModelSettings:
        """These settings, and those of `other` where these say nothing.

        Class names belong to a head: those of another head are left out.
        """
        own = self.model_dump(exclude_none=True)
        merged = other.model_dump(exclude_none=True) | own
        if self.head is not None and self.head != other.head and self.classes is None:
            merged.pop("classes", None)
        return ModelSettings.model_validate(merged)


def parse_settings(values: Mapping[str, Any], where: str) -> ModelSettings:
    """Settings from a table; raises UserError that names the field and `where` it is from."""
    values = declared_spellings(ModelSettings, values, where)
    if unknown := find_unknown(values, ModelSettings.model_fields):
        known = listed(ModelSettings.model_fields, "and")
        raise UserError(f"{where} has an unknown field {unknown[1]}; known are {known}.")
    try:
        return ModelSettings.model_validate(values)
    except ValidationError as error:
        field, _, remedy = what_is_wrong(error, ModelSettings)
        value = shorten(str(values.get(field)))
        raise UserError(f"{where}: {field}={value} is wrong: {remedy}.") from error


def preprocessing_of(
    settings: ModelSettings, model: Path, *, declared: Shape | None, raw: bool
) -> Preprocessing:
    """The preprocessing that settings describe. Nothing is guessed; raises UserError instead.

    declared: the size that the model declares, if it does. raw: it takes bytes, as pixels are.
    """
    size = settings.size or declared
    if size is None:
        raise UserError(
            f"The model {model} takes images of any size; say which with --model-size, such as 224,"
            f" or with `size` in {model.with_suffix('.toml').name} beside it."
        )
    explicit = [settings.mean, settings.std, settings.scale]
    if not raw and all(value is None for value in explicit):
        raise UserError(
            f"Nothing says how the model {model} wants its pixels: give --mean imagenet --std"
            " imagenet (most classifiers of torchvision and timm), --scale 255 (pixels as 0..1) or"
            " --scale 1 (as they are), or write it beside the model, into"
            f" {model.with_suffix('.toml').name}."
        )
    scale = settings.scale or (1.0 if raw else 255.0)
    mean = _numbers(settings.mean or (0.0,), _IMAGENET_MEAN, settings.order)
    std = _numbers(settings.std or (1.0,), _IMAGENET_STD, settings.order)
    if 0.0 in std:
        raise UserError(f"std={std} is wrong for the model {model}: nothing is divided by 0.")
    if scale == 255.0 and max(map(abs, mean)) > 2.0:
        raise UserError(
            f"mean={','.join(f'{m:g}' for m in mean)} means levels of 0 to 255, but pixels are"
            f" divided by 255 first for the model {model}; add --scale 1, or divide the mean too."
        )
    return Preprocessing(size, mean, std, scale, settings.order or "rgb")


def _numbers(
    channels: Channels, imagenet: tuple[float, ...], order: str | None
) -> tuple[float, ...]:
    if channels != "imagenet":
        return channels
    return imagenet[::-1] if order == "bgr" else imagenet


def settings_of(model: Path, metadata: Mapping[str, str]) -> ModelSettings:
    """What the file beside a model and the model's metadata say; raises UserError."""
    return _beside(model).over(_in_metadata(model, metadata))


def _beside(model: Path) -> ModelSettings:
    both = [model.with_suffix(ending) for ending in (".toml", ".json")]
    files = [file for file in both if os.path.lexists(file)]
    if not files:
        return ModelSettings()
    if len(files) > 1:
        raise UserError(f"{files[0]} and {files[1].name} both describe {model.name}; remove one.")
    try:
        text = read_text(files[0], LARGEST_TOML)
        values = parse_toml(text) if files[0].suffix == ".toml" else parse_json(text)
    except OSError as error:
        reason = error.strerror or "the system refuses it"
        raise UserError(f"{files[0]}, beside the model, cannot be read: {reason}.") from error
    except ValueError as error:
        raise UserError(f"{files[0]}, beside the model, cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise UserError(f"{files[0]}, beside the model, is no table of settings.")
    return parse_settings(values, str(files[0]))


def _in_metadata(model: Path, metadata: Mapping[str, str]) -> ModelSettings:
    where = f"The metadata of {model}"
    if METADATA in metadata:
        try:
            values = parse_json(metadata[METADATA])
        except ValueError as error:
            raise UserError(f"{where}: '{METADATA}' is no JSON: {error}.") from error
        if not isinstance(values, dict):
            raise UserError(f"{where}: '{METADATA}' is no table of settings.")
        return parse_settings(values, where)
    declaration: dict[str, Any] = dict(_RANGES.get(metadata.get("Image.NominalPixelRange", ""), {}))
    order = _ORDERS.get(metadata.get("Image.BitmapPixelFormat", ""))
    if order is not None:
        declaration["order"] = order
    return parse_settings(declaration, where)
