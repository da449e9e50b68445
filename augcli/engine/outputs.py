"""Makes the outputs of one target: partners, draw, apply. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from augcli.arrays.seeds import generator, output_id, rekey
from augcli.arrays.types import Pixels, SaliencyMap
from augcli.data.labels import SoftLabel, mix, smooth
from augcli.data.listing import Sample
from augcli.engine.images import Decoded, Images
from augcli.engine.maps import find_maps, without_cache
from augcli.engine.partners import Partners
from augcli.engine.plan import Run
from augcli.enums import Fit, Labels, Pair
from augcli.errors import UnreadableImage
from augcli.pipeline.execute import Execution, Observe
from augcli.pipeline.per_batch import Batch
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline
from augcli.recipes.recipe import SaliencySpec
from augcli.text import shorten

if TYPE_CHECKING:
    from augcli.classifier.spec import ClassifierSpec

ORIGINAL = "orig"


class Output(NamedTuple):
    """One augmented image, before it is encoded."""

    picture: Picture
    used: tuple[Decoded, ...]
    label: SoftLabel
    output_id: str
    group_id: str
    view: str

    @property
    def samples(self) -> list[Sample]:
        """The source images that went in, the target first."""
        return [decoded.sample for decoded in self.used]


class Outputs:
    """Makes the outputs of the targets of a block."""

    def __init__(self, run: Run, images: Images, block: list[int]) -> None:
        self._run = run
        self._images = images
        self._block = block
        self._partners = Partners(run.plan)
        self._uncached = without_cache(
            run
        ).runtime.classifier  # no second run comes across an image that steps made
        self._rng = generator(run.job.seed)

    def of(self, place: int, copy: int) -> list[Output]:
        """The views of one copy of the target at `place` of the block.

        Raises UnreadableImage where the target cannot be decoded or no partner can be found.
        """
        run, images, block = self._run, self._images, self._block
        target = images.get(block[place])
        used = {0: target}

        def source(slot: int) -> Picture:
            if slot not in used:
                partner = self._partners.partner(block, place, copy, slot, images.readable)
                if partner is None:
                    raise UnreadableImage(_without_partner(run, block[place]))
                used[slot] = images.get(partner)
            return images.picture(used[slot], slot)

        execution = self._execution(used)
        target_id = target.sample.sample_id
        views = run.job.pipeline.views
        ids = [output_id(run.job.seed, run.digest, target_id, copy, view) for view in views]
        outputs = []
        for view, name in zip(views, ids, strict=True):
            if view == ORIGINAL:
                picture = source(0)
            else:
                rng = rekey(self._rng, run.job.seed, run.digest, target_id, copy, view)
                picture = execution.execute(rng, source, self._batch(copy))
            inputs = tuple([used[slot] for slot in picture.shares])
            label = output_label(run, picture, [decoded.sample.label for decoded in inputs], view)
            outputs.append(Output(picture, inputs, label, name, ids[0], view))
        return outputs

    def replay(self, output: Output, observe: Observe) -> None:
        """Make an output again, and show each of its steps to `observe`."""
        used = dict(enumerate(output.used))
        execution, record = self._execution(used), output.picture.record
        sources = (self._images.picture(decoded, number) for number, decoded in used.items())
        every = len(used) == execution.sources_of(record)
        execution.replay(record, sources, every=every, observe=observe)

    def _execution(self, used: Mapping[int, Decoded]) -> Execution:
        """Makes pictures from these sources, of which it knows the labels."""
        job = self._run.job
        return execution_over(
            job.pipeline, job.fit, self._uncached, lambda slot: used[slot].sample.label
        )

    def _batch(self, copy: int) -> Batch:
        """What the outputs of a block share, for recipes that draw once a batch."""
        run, images, block = self._run, self._images, self._block

        def lead() -> Picture:
            first = next(index for index in block if images.readable(index))
            return images.picture(images.get(first), 0)

        return Batch(
            lambda step: generator(run.job.seed, run.digest, "batch", block[0], copy, step), lead
        )


def execution_over(
    pipeline: Pipeline,
    fit: Fit,
    classifier: ClassifierSpec | None,
    label_of: Callable[[int], SoftLabel],
) -> Execution:
    """Makes pictures of sources, whose labels `label_of` gives by their numbers; `classifier` finds
    the saliency of what steps made."""

    def detect(image: Pixels, shares: Mapping[int, float], spec: SaliencySpec) -> SaliencyMap:
        label = mix([label_of(slot) for slot in shares], list(shares.values()))
        return find_maps(classifier, [image], [label], spec)[0]

    return Execution(pipeline, fit, detect)


def saliency_method(pipeline: Pipeline, picture: Picture) -> str:
    """The detectors that were used for an output, in the order in which the pipeline names them."""
    used = set(picture.saliency_specs)
    return ",".join(str(d) for d in dict.fromkeys(pipeline.saliency_specs) if d in used)


def output_label(run: Run, picture: Picture, labels: list[SoftLabel], view: str) -> SoftLabel:
    """The soft label of an output made from sources with these labels."""
    smoothing = 0.0 if view == ORIGINAL else run.job.pipeline.label_smoothing
    classes = len(run.listing.classes)
    return mixed_label(labels, picture.shares.values(), run.job.labels, smoothing, classes)


def mixed_label(
    labels: Sequence[SoftLabel],
    shares: Iterable[float],
    kind: Labels,
    smoothing: float,
    classes: int,
) -> SoftLabel:
    """The label of what was mixed of sources with these labels."""
    label = mix(labels, list(shares))
    if kind is Labels.multi:  # the sum of shares may be 1 + 2**-52
        return SoftLabel(label.ids, tuple([min(weight, 1.0) for weight in label.weights]))
    return smooth(label, smoothing, classes)


def _without_partner(run: Run, target: int) -> str:
    """Why an image has no partner."""
    pair, class_id = run.job.pair, run.plan.class_of(target)
    start, stop = run.plan.class_range[class_id]
    name = shorten(run.listing.classes[class_id], 60)
    if pair is Pair.same_class and stop - start == 1:
        return f"its class {name} has no other image, as --pair same-class needs one"
    of_group = "" if run.listing.group_of is None else " of another group"
    return f"no partner{of_group} that can be read was found for it (--pair {pair.value})"
