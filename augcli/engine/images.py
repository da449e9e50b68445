"""The decoded images of a shard: each is decoded once, and its saliency found once, while they fit
into a worker's memory budget."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from augcli.arrays.types import Pixels, SaliencyMap, Shape
from augcli.data.listing import Sample
from augcli.data.source import read_image
from augcli.engine.maps import find_maps, images_per_call
from augcli.engine.plan import Run
from augcli.engine.watch import UNWATCHED, Watch
from augcli.enums import Fit, Labels, Originals
from augcli.errors import UnreadableImage
from augcli.image.box import Box
from augcli.image.codec import decode
from augcli.image.fit import Fitted
from augcli.pipeline.picture import Picture
from augcli.recipes.recipe import SaliencySpec

# Bytes of a file that tell its format.
_SIGNATURE = 16


@dataclass(slots=True)
class Decoded:
    """A source image as the recipes see it: what it shows, its file (only the beginning, where
    originals are not written), the shape (rows, columns) in which it stands there once upright,
    what stands for its pixels in a cache, where it lies between padding (None: everywhere), and its
    saliency as far as it was found."""

    sample: Sample
    class_name: str
    data: bytes
    image: Pixels
    upright: Shape
    content: bytes
    canvas_box: Box | None = None
    maps: dict[SaliencySpec, SaliencyMap] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes held, counting one saliency map."""
        return len(self.data) + self.image.nbytes + self.image.nbytes // 3


class Images:
    """Decoded images by their index in the run, the least recently used dropped first.

    `block` are the images that will be asked for; `watch` sees each decoding, and names images
    that are not to be touched.
    """

    def __init__(self, run: Run, block: Sequence[int] = (), watch: Watch = UNWATCHED) -> None:
        self._run = run
        self._block = block
        self._watch = watch
        self._held: OrderedDict[int, Decoded] = OrderedDict()
        self._bytes = 0
        self.unreadable: dict[int, str] = {}
        self.decodes = 0

    def readable(self, index: int) -> bool:
        """Whether the image decodes; why not is then in `unreadable`."""
        try:
            self.get(index)
        except UnreadableImage:
            return False
        return True

    def decode_ahead(self, indices: Iterable[int]) -> None:
        """Decode images in a row, as far as half of the budget goes."""
        for index in indices:
            if self._bytes > self._run.runtime.memory // 2:
                return
            self.readable(index)

    def get(self, index: int) -> Decoded:
        """The decoded image at `index`; raises UnreadableImage with the reason."""
        cached = self._held.get(index)
        if cached is not None:
            self._held.move_to_end(index)
            return cached
        if index in self.unreadable:
            raise UnreadableImage(self.unreadable[index])
        try:
            decoded = self._decode(index)
        except UnreadableImage as error:
            self.unreadable[index] = str(error)
            raise
        self._held[index] = decoded
        self._bytes += decoded.size
        while (
            self._bytes > self._run.runtime.memory
            and len(self._held) > self._run.job.pipeline.sources
        ):
            _, dropped = self._held.popitem(last=False)
            self._bytes -= dropped.size
        return decoded

    def saliency(self, decoded: Decoded, spec: SaliencySpec) -> SaliencyMap:
        """The saliency map in an image's pixels, found at the first call."""
        if spec not in decoded.maps:
            self._find(decoded, spec)
        return decoded.maps[spec]

    def picture(self, decoded: Decoded, source: int) -> Picture:
        """An image at the start of a pipeline, as its source number `source`."""
        detect = partial(self.saliency, decoded)
        return Picture(decoded.image, {source: 1.0}, detect, decoded.class_name)

    def _decode(self, index: int) -> Decoded:
        run = self._run
        if index in self._watch.set_aside:
            raise UnreadableImage(self._watch.set_aside[index])
        sample = run.sample(index)
        other = run.split_of(index)
        self._watch.decoding(index)
        self.decodes += 1
        try:
            listing, place = (run.listing, index) if other is None else other.place_of(index)
            data = read_image(listing, place, run.job.max_pixels)
            image = decode(data, max_pixels=run.job.max_pixels, background=run.job.background)
        except MemoryError as error:
            reason = "decoding it takes more memory than a worker may use"
            raise UnreadableImage(reason) from error
        finally:
            self._watch.decoded()
        height, width = image.shape[:2]
        canvas_box = None
        if run.job.size is not None and other is None:
            columns, rows = run.job.size
            fitted = Fitted(image, (rows, columns), run.job.fit, run.job.background)
            image = fitted.pixels()
            if run.job.fit is Fit.contain:
                canvas_box = fitted.placement.canvas_box
        is_output = other is not None or run.job.include_originals is not Originals.none
        file_data = data if is_output else data[:_SIGNATURE]
        is_single = run.listing.labels is Labels.single
        class_name = run.listing.classes[sample.label.dominant] if is_single else ""
        content = b""
        if run.runtime.classifier is not None:
            how = repr((run.job.size, run.job.fit.value, run.job.background)).encode()
            content = hashlib.sha256(data).digest() + how
        return Decoded(sample, class_name, file_data, image, (height, width), content, canvas_box)

    def _find(self, decoded: Decoded, spec: SaliencySpec) -> None:
        """Find the saliency of an image, together with that of others of its block where that is
        cheaper."""
        together = [decoded]
        count = images_per_call(self._run, decoded.image, spec)
        for index in self._block if count > 1 else ():
            if len(together) == count:
                break
            if self.readable(index) and (other := self.get(index)) is not decoded:
                joins = images_per_call(self._run, other.image, spec) > 1
                if joins and spec not in other.maps:
                    together.append(other)
        labels = [one.sample.label for one in together]
        images = [_without_padding(one) for one in together]
        contents = [one.content for one in together]
        maps = find_maps(self._run.runtime.classifier, images, labels, spec, contents)
        for one, saliency_map in zip(together, maps, strict=True):
            one.maps[spec] = _on_canvas(saliency_map, one)


def _without_padding(decoded: Decoded) -> Pixels:
    if decoded.canvas_box is None:
        return decoded.image
    return np.ascontiguousarray(decoded.image[decoded.canvas_box.slices])


def _on_canvas(saliency_map: SaliencyMap, decoded: Decoded) -> SaliencyMap:
    """The map of an image without its padding, with padding, which is never salient."""
    if decoded.canvas_box is None:
        return saliency_map
    canvas = np.full(decoded.image.shape[:2], saliency_map.min(), saliency_map.dtype)
    canvas[decoded.canvas_box.slices] = saliency_map
    return canvas
