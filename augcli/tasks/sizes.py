"""Reads sizes and colours as the command line writes them."""

from __future__ import annotations

import re

from augcli.enums import Format
from augcli.errors import UserError
from augcli.tasks.limits import MOST_PIXELS
from augcli.text import did_you_mean

# A size with something else between its numbers, or around them.
_TWO_NUMBERS = re.compile(r"[(\[ ]?([1-9]\d{0,5})[\s,;:*x×X/]+([1-9]\d{0,5})[)\] ]?", re.ASCII)


def parse_size(
    size: str | None, name: str, limit: int, of: str = "", most: int = MOST_PIXELS
) -> tuple[int, int] | None:
    """(width, height) of WxH, or of one number for a square, as the option --`name` says it.

    Raises UserError for what is none, has a side over `limit`, which is the most `of` something, or
    more than `most` pixels.
    """
    if size is None:
        return None
    match = re.fullmatch(r"(\d{1,18})(?:[xX](\d{1,18}))?", size, re.ASCII)
    if not match or int(match[1]) < 1 or int(match[2] or match[1]) < 1:
        pair = _TWO_NUMBERS.fullmatch(size)
        like = f"{pair[1]}x{pair[2]}" if pair is not None else "WIDTHxHEIGHT, as in 224x224"
        raise UserError(f"--{name} {size} is not a size; write {like}.")
    width, height = int(match[1]), int(match[2] or match[1])
    if max(width, height) > limit:
        raise UserError(f"--{name} {size} has a side of more than {limit} pixels, the most{of}.")
    if width * height > most:
        raise UserError(f"--{name} {size} is {width * height} pixels, more than {most}.")
    return width, height


_WITHOUT_HASH = re.compile(r"[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?")


def parse_output_size(size: str | None, written: Format) -> tuple[int, int] | None:
    """(width, height) of --size, where outputs are `written` so; raises UserError for what no
    such file holds."""
    if size is None:
        return None
    from augcli.image.codec import largest_side

    whose = "" if written is Format.same else f" that a {written.value} file holds"
    return parse_size(size, "size", largest_side(written), whose)


def parse_colour(colour: str) -> tuple[int, int, int]:
    """(red, green, blue) of #rrggbb, or of what Pillow and CSS write for a colour without alpha:
    #rgb, white, rgb(0, 0, 0). Raises UserError."""
    if re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
    from PIL import ImageColor

    try:
        channels = ImageColor.getrgb(colour)
    except ValueError as error:
        hint = did_you_mean(colour, ImageColor.colormap)
        like = f"'#{colour}'" if _WITHOUT_HASH.fullmatch(colour) else "it like '#ffffff' or white"
        raise UserError(f"--background {colour} is not a colour{hint}; write {like}.") from error
    if len(channels) != 3 or max(channels) > 255:
        raise UserError(f"--background {colour} is not an opaque colour; write it like '#ffffff'.")
    return channels
