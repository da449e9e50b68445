"""The bound on the pixels of an image that is decoded."""

from __future__ import annotations

from augcli.errors import UnreadableImage


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise UnreadableImage for an image without pixels or with more than `max_pixels`."""
    if width <= 0 or height <= 0:
        raise UnreadableImage(f"the header claims {width} x {height} pixels")
    if width * height > max_pixels:
        raise UnreadableImage(
            f"{width} x {height} pixels exceed the limit of {max_pixels:,} (--max-pixels)"
        )
