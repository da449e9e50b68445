"""Lets a supervisor see which image is being worked on, and name images that are not to be touched.

Whatever decodes images or makes outputs of them takes one `Watch`. In a worker it is the worker's
own, which its parent reads; elsewhere nobody looks.
"""

from __future__ import annotations

from collections.abc import Mapping


class Watch:
    """Is called before and behind each step that may kill or stall its process. This one does
    nothing.

    `set_aside` are images (by index) that are not to be touched, with the reason.
    """

    def __init__(self, set_aside: Mapping[int, str] | None = None) -> None:
        self.set_aside = dict(set_aside or {})

    def decoding(self, index: int) -> None:
        """The image at `index` is going to be decoded."""

    def decoded(self) -> None:
        """The decoding is over, whatever came of it."""

    def target(self, index: int | None) -> None:
        """The outputs of the image at `index` are going to be made; None: all are."""


UNWATCHED = Watch()
