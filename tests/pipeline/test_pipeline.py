"""Chains of recipes: what goes in, with which share, and what is recorded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.enums import Fit
from augcli.image.fit import Fitted
from augcli.pipeline.execute import Execution
from augcli.pipeline.per_batch import Batch
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline, Step, pipeline_of
from augcli.recipes.cutmix import CutMix
from augcli.recipes.cutout import Cutout
from augcli.recipes.mixup import Mixup
from augcli.recipes.random_erasing import RandomErasing
from augcli.recipes.recipe import Recipe, SaliencySpec, SourceView
from augcli.recipes.ricap import RICAP
from augcli.recipes.saliencymix import SaliencyMix
from augcli.recipes.samplepairing import SamplePairing
from augcli.saliency.detectors import detect


def detect_in(image: Pixels, spec: SaliencySpec) -> SaliencyMap:
    return detect(spec.detector, [image], spec.size)[0]


def detect_made(image: Pixels, _: Mapping[int, float], spec: SaliencySpec) -> SaliencyMap:
    return detect_in(image, spec)


def photo(number: int) -> Pixels:
    return np.random.default_rng(number).integers(0, 256, (24 + number, 30 - number, 3), np.uint8)


def picture(number: int) -> Picture:
    image = photo(number)
    return Picture(image, {number: 1.0}, lambda d: detect_in(image, d))


def chain(*steps: Recipe | tuple[Recipe, float]) -> Pipeline:
    return Pipeline("chain", tuple(Step(*s) if isinstance(s, tuple) else Step(s) for s in steps))


def execute(pipeline: Pipeline, seed: int = 0, **more: Any) -> tuple[Picture, list[int]]:
    """An output, and the sources that were asked for."""
    indices: list[int] = []

    def source(number: int) -> Picture:
        indices.append(number)
        return picture(number)

    rng = np.random.default_rng(seed)
    return Execution(pipeline, Fit.cover, detect_made).execute(rng, source, **more), indices


def remade(pipeline: Pipeline, output: Picture) -> Picture:
    """The output again, from what its row says."""
    record = json.loads(json.dumps(pipeline.row_record(output.record)))
    sources = iter([picture(number) for number in output.sources])
    again = Execution(pipeline, Fit.cover, detect_made).replay(
        pipeline.full_record(record), sources
    )
    assert next(sources, None) is None, "a source was left over"
    return again


def test_no_steps() -> None:
    output, indices = execute(chain())
    np.testing.assert_array_equal(output.image, photo(0))
    assert (output.shares, output.record, output.boxes, indices) == ({0: 1.0}, None, (), [0])
    np.testing.assert_array_equal(remade(chain(), output).image, photo(0))


def test_a_single_recipe_records_its_parameters_alone() -> None:
    pipeline = chain(Mixup())
    output, indices = execute(pipeline)
    lam = output.shares[0]
    assert output.record == {"recipe": "mixup", "params": {"lam": lam}}
    assert pipeline.row_record(output.record) == {"lam": lam}
    assert indices == [0, 1]
    assert output.shares == {0: lam, 1: 1.0 - lam}


def test_an_earlier_step_changes_every_source_of_a_later_one() -> None:
    pipeline = chain(Cutout(length=6, fill="black"), SamplePairing())
    output, indices = execute(pipeline)
    assert indices == [0, 1]
    assert output.record is not None
    inputs = output.record["inputs"]
    assert [record["recipe"] for record in inputs] == ["cutout", "cutout"]
    erased = [photo(0), photo(1)]
    for image, record in zip(erased, inputs, strict=True):
        image[record["params"]["box"].slices] = 0
    partner = Fitted(erased[1], (24, 30), Fit.cover).pixels()
    expected = np.rint((erased[0].astype(float) + partner) / 2)
    np.testing.assert_array_equal(output.image, expected)
    assert (output.shares, output.boxes) == ({0: 1.0, 1: 0.0}, (inputs[0]["params"]["box"],))


def test_shares_multiply_through_nested_mixes() -> None:
    pipeline = chain(Mixup(alpha=1), CutMix())
    assert pipeline.sources == 4
    output, indices = execute(pipeline, seed=3)
    assert indices == output.sources == [0, 1, 2, 3]
    assert output.record is not None
    first, second = (record["params"]["lam"] for record in output.record["inputs"])
    lam = 1.0 - output.record["params"]["box"].area / (24 * 30)
    assert 0.0 < lam < 1.0
    expected = [lam * first, lam * (1 - first), (1 - lam) * second, (1 - lam) * (1 - second)]
    assert list(output.shares.values()) == pytest.approx(expected, abs=1e-12)
    assert sum(output.shares.values()) == pytest.approx(1.0, abs=1e-12)


def test_the_mixes_are_what_their_records_say() -> None:
    """The pixels of a nested mix, made by hand."""
    pipeline = chain(Mixup(alpha=1), CutMix())
    output, _ = execute(pipeline, seed=3)
    assert output.record is not None
    blends = []
    for record, (a, b) in zip(output.record["inputs"], [(0, 1), (2, 3)], strict=True):
        lam, target = record["params"]["lam"], photo(a)
        partner = Fitted(photo(b), target.shape[:2], Fit.cover).pixels()
        blends.append((lam * target + (1 - lam) * partner, target.shape[:2]))
    expected = blends[0][0]
    box = output.record["params"]["box"]
    pasted = Fitted(np.rint(blends[1][0]).astype(np.uint8), (24, 30), Fit.cover).pixels(box)
    expected[box.slices] = pasted
    assert np.abs(output.image - expected).max() <= 1.0


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_probabilities(probability: float) -> None:
    pipeline = chain((CutMix(), probability))
    outputs = [execute(pipeline, seed) for seed in range(400)]
    applied = [output.record is not None for output, _ in outputs]
    # Five standard deviations: 50 of 400.
    assert abs(sum(applied) - 400 * probability) <= (50 if probability == 0.5 else 0)
    for (output, indices), was in zip(outputs, applied, strict=True):
        assert indices == ([0, 1] if was else [0])
        if not was:
            np.testing.assert_array_equal(output.image, photo(0))
            assert (output.shares, output.boxes) == ({0: 1.0}, ())


def test_a_step_that_is_left_out_leaves_its_partners_out() -> None:
    """Mixing twice takes four sources, but only those of the branches that were taken."""
    pipeline = chain((Mixup(alpha=1), 0.5), (CutMix(), 0.5))
    seen: set[tuple[int, ...]] = set()
    for seed in range(60):
        output, indices = execute(pipeline, seed)
        assert indices == output.sources
        seen.add(tuple(indices))
        again = remade(pipeline, output)
        np.testing.assert_array_equal(again.image, output.image)
        assert list(again.shares.values()) == list(output.shares.values())
        assert again.boxes == output.boxes
    assert seen == {(0,), (0, 1), (0, 2), (0, 1, 2), (0, 2, 3), (0, 1, 2, 3)}


CHAINS = [
    chain(Cutout(), Mixup()),
    chain(RandomErasing(), SaliencyMix()),
    chain(SaliencyMix(protect_target=0.3), Cutout(fill="noise")),
    chain(CutMix(), CutMix(alpha=0.4)),
    chain((Cutout(), 0.5), (Cutout(length=4, fill="noise"), 0.5), (RICAP(), 0.7)),
    chain(RICAP(), SamplePairing()),
]


@pytest.mark.parametrize(
    "pipeline", CHAINS, ids=lambda p: "-".join(step.recipe.name for step in p.steps)
)
def test_an_output_is_replayed_from_its_row(pipeline: Pipeline) -> None:
    for seed in range(8):
        output, indices = execute(pipeline, seed)
        assert set(output.sources) <= set(indices)
        assert sum(output.shares.values()) == pytest.approx(1.0, abs=1e-12)
        again = remade(pipeline, output)
        np.testing.assert_array_equal(again.image, output.image, strict=True)
        assert list(again.shares.values()) == list(output.shares.values())
        assert again.boxes == output.boxes


def test_saliency_is_that_of_the_outputs_of_earlier_steps() -> None:
    """Here brightness is salient, and only one pixel is bright, until a first step covers it."""
    spot = np.zeros((30, 30, 3), np.uint8)
    spot[21, 8] = 255

    def brightness(image: Pixels, _: SaliencySpec) -> SaliencyMap:
        return image[..., 0]

    def spotted(number: int) -> Picture:
        return Picture(spot, {number: 1.0}, lambda _: spot[..., 0])

    def params(steps: Pipeline) -> dict[str, Any]:
        output = Execution(steps, Fit.cover, lambda image, _, d: brightness(image, d)).execute(
            np.random.default_rng(2), spotted
        )
        assert output.record is not None
        return output.record["params"]

    assert params(chain(SaliencyMix()))["centre"] == (21, 8)
    assert params(chain(Cutout(length=200, fill="black"), SaliencyMix()))["flat"]


def test_saliency_is_that_of_the_source_which_a_recipe_looks_at() -> None:
    """Each source has its own map, whose only salient pixel tells it from the others'."""

    def source(number: int) -> Picture:
        saliency_map = np.zeros((20, 30), np.uint8)
        saliency_map[5 + 9 * number, 8 + 13 * number] = 255
        return Picture(np.zeros((20, 30, 3), np.uint8), {number: 1.0}, lambda _: saliency_map)

    maker = Execution(chain(SaliencyMix()), Fit.cover, detect_made)
    record = maker.execute(np.random.default_rng(0), source).record
    assert record is not None
    assert record["params"]["centre"] == (14, 21)


def test_a_record_of_another_run_is_refused() -> None:
    record = {"recipe": "mixup", "params": {"lam": 0.5}}
    sources = iter([picture(0), picture(1)])
    other = Execution(chain(CutMix(), Cutout()), Fit.cover, detect_made)
    with pytest.raises(ValueError, match="step 0 of the run is cutmix, not mixup"):
        other.replay(record, sources)
    sources = iter([picture(0), picture(1)])
    with pytest.raises(ValueError, match="lam"):
        Execution(chain(Mixup()), Fit.cover, detect_made).replay(record | {"params": {}}, sources)


def test_the_digest_knows_every_option() -> None:
    pipelines = [
        chain(CutMix()),
        chain(CutMix(alpha=0.9)),
        chain((CutMix(), 0.9)),
        chain(CutMix(), CutMix()),
        chain(Mixup(alpha=1)),
        Pipeline("chain", (Step(CutMix()),), label_smoothing=0.1),
    ]
    digests = [pipeline.digest() for pipeline in pipelines]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in digests)
    assert chain(CutMix(alpha=1)).digest() == digests[0]


def test_the_digest_does_not_know_the_name() -> None:
    assert Pipeline("other", (Step(CutMix()),)).digest() == chain(CutMix()).digest()


ONE_OF = Pipeline("one of", (Step(Mixup(), 0.8, (CutMix(), RICAP()), (1.0, 2.0, 5.0)),))


def test_one_of_several_recipes_by_weight() -> None:
    taken: Counter[str] = Counter()
    for seed in range(1200):
        output, indices = execute(ONE_OF, seed)
        recipe = "" if output.record is None else output.record["recipe"]
        assert indices == list(range({"": 1, "ricap": 4}.get(recipe, 2)))
        taken[recipe] += 1
    expected = {"": 240, "mixup": 120, "cutmix": 240, "ricap": 600}
    for recipe, count in expected.items():
        deviation = (count * (1 - count / 1200)) ** 0.5
        assert abs(taken[recipe] - count) < 5 * deviation


def test_the_recipe_that_was_drawn_is_replayed() -> None:
    pipeline = Pipeline("chain", (Step(Cutout(length=4), 0.5), *ONE_OF.steps))
    assert (pipeline.sources, pipeline.spans) == (4, (1, 1, 4))
    for seed in range(25):
        output, _ = execute(pipeline, seed)
        np.testing.assert_array_equal(remade(pipeline, output).image, output.image)


def test_classes_may_have_their_own_steps() -> None:
    pipeline = Pipeline(
        "by class",
        (Step(Cutout(fill="black")), Step(Mixup())),
        by_class={"cat": (Step(Cutout(fill="#010203")), Step(Mixup(), 0.0))},
    )
    fills = {}
    for class_name in ("cat", "dog"):

        def source(number: int, class_name: str = class_name) -> Picture:
            named = class_name if number == 0 else "cat"
            return picture(number)._replace(class_name=named)

        maker = Execution(pipeline, Fit.cover, detect_made)
        output = maker.execute(np.random.default_rng(5), source)
        assert output.record is not None
        assert output.class_name == class_name
        inner = output.record.get("inputs", [output.record])
        fills[class_name] = [record["params"]["fill"] for record in inner]
        again = maker.replay(
            json.loads(json.dumps(output.record)), iter(map(source, output.sources))
        )
        np.testing.assert_array_equal(again.image, output.image)
    # The dog's partner is a cat, and went through a cat's first step.
    assert fills == {"cat": [(1, 2, 3)], "dog": [(0, 0, 0), (1, 2, 3)]}


def test_a_description_is_read_back() -> None:
    pipeline = Pipeline(
        "all of it",
        (Step(Cutout(), 0.5), *ONE_OF.steps, Step(SaliencyMix(protect_target=0.5))),
        label_smoothing=0.1,
        by_class={"cat": (Step(Cutout(length=8)), *ONE_OF.steps, Step(SaliencyMix(alpha=2)))},
    )
    description = json.loads(json.dumps(pipeline.describe()))
    assert pipeline_of(description) == pipeline
    assert pipeline_of(description).digest() == pipeline.digest()


class TestPerBatch:
    """One lam and one peak for all outputs of a batch."""

    pipeline = chain(SaliencyMix(box="per-batch"))

    def batch(self, seed: int, lead: int = 9) -> Batch:
        return Batch(lambda step: np.random.default_rng([seed, step]), lambda: picture(lead))

    def params(self, seed: int, batch: Batch, source: Callable[[int], Picture]) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        output = Execution(self.pipeline, Fit.cover, detect_made).execute(rng, source, batch)
        assert output.record is not None
        return output.record["params"]

    def test_outputs_of_one_size_share_their_box(self) -> None:
        def source(number: int) -> Picture:
            image = np.random.default_rng([seed, number]).integers(0, 256, (33, 21, 3), np.uint8)
            return Picture(image, {number: 1.0}, lambda d: detect_in(image, d))

        drawn = []
        for seed in range(6):
            params = self.params(seed, self.batch(1), source)
            drawn.append(params)
        assert all(params == drawn[0] for params in drawn)
        # The peak is the leading image's (33 x 21 pixels, as the canvas), not the partner's.
        view = SourceView(Fitted(photo(9), (33, 21), Fit.cover), picture(9).detect)
        assert drawn[0]["centre"] == next(view.peaks(SaliencySpec("fine-grained")))
        assert len({self.params(0, self.batch(seed), source)["box"] for seed in range(9)}) > 4
        assert self.params(0, self.batch(1, lead=8), source)["centre"] != drawn[0]["centre"]

    def test_the_leading_image_meets_the_canvas_as_all_others_do(self) -> None:
        bright = np.zeros((10, 40, 3), np.uint8)
        bright[2, 4] = 255
        batch = Batch(
            lambda _: np.random.default_rng(0),
            lambda: Picture(bright, {0: 1.0}, lambda _: bright[..., 0]),
        )
        centres = {}
        for fit in Fit:
            maker = Execution(self.pipeline, fit, detect_made)
            output = maker.execute(np.random.default_rng(0), picture, batch)
            assert output.record is not None
            centres[fit] = output.record["params"]["centre"], output.record["params"]["flat"]
        assert centres[Fit.stretch] == ((6, 3), False)
        assert centres[Fit.contain] == ((10, 3), False)
        assert centres[Fit.cover][1]  # cropped away

    def test_the_partner_is_what_is_pasted(self) -> None:
        output, indices = execute(self.pipeline, 0, batch=self.batch(4))
        assert indices == [0, 1]
        box = output.boxes[0]
        pasted = Fitted(photo(1), (24, 30), Fit.cover).pixels(box)
        np.testing.assert_array_equal(output.image[box.slices], pasted)
        np.testing.assert_array_equal(remade(self.pipeline, output).image, output.image)

    def test_it_takes_a_batch(self) -> None:
        with pytest.raises(ValueError, match="saliencymix draws per batch"):
            execute(self.pipeline)
