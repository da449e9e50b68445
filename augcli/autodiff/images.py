"""What images a model takes."""

from __future__ import annotations

import math
from typing import Literal

from onnx import ModelProto

from augcli.autodiff.registry import attributes_of
from augcli.errors import UserError
from augcli.text import count_text

Layout = Literal["NCHW", "NHWC"]
ImageShape = tuple[int, int, int]

_CHANNELS = (1, 2, 3, 4)
_LARGEST = 2**27  # values in an image


def image_shape(
    model: ModelProto, size: tuple[int, int] | None = None
) -> tuple[ImageShape, Layout]:
    """The shape of one image of a normalised model, and where its channels are.

    size: (height, width), for a model that takes any or to try another than the declared one.
    Raises UserError if neither the model nor `size` says how large an image is.
    """
    layout, declared = declared_image(model)
    height, width = size if size is not None else declared[:2]
    if size is None and 0 in (height, width):
        raise UserError("The model takes images of any size: say which one (size).")
    channels = declared[2] or 3
    if min(height, width, channels) < 1 or height * width * channels > _LARGEST:
        raise UserError(
            f"The model cannot take images of {height} x {width} pixels and"
            f" {count_text(channels, 'channel')}; give another size."
        )
    if layout == "NHWC":
        return (height, width, channels), layout
    return (channels, height, width), layout


def declared_image(model: ModelProto) -> tuple[Layout, ImageShape]:
    """The layout, and (height, width, channels) as declared, 0 where the model leaves them open.

    Channels are the last axis if the model begins by moving it to the front, as converted
    TensorFlow models do; else the axis of size 1 to 4, the second before the last.
    """
    image = model.graph.input[0]
    _, second, third, last = (d.dim_value for d in image.type.tensor_type.shape.dim)
    first = next(node for node in model.graph.node if image.name in node.input)
    transposed = first.op_type == "Transpose" and attributes_of(first).get("perm") == [0, 3, 1, 2]
    if transposed or (second not in _CHANNELS and last in _CHANNELS):
        return "NHWC", (second, third, last)
    return "NCHW", (third, last, second)


def channel_axis(shape: tuple[int, ...], size: tuple[int, int]) -> int:
    """Which of a feature map's three axes holds channels, 0 or 2.

    The other two have the proportions of the image, whose size is `size`; 0 where both fit alike.
    """
    rows, middle, columns = shape
    ratio = math.log(size[0] / size[1])
    first = abs(math.log(middle / columns) - ratio)
    last = abs(math.log(rows / middle) - ratio)
    return 0 if first <= last else 2
