"""What a run does for each output, counted: these numbers guard speed where a time cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from augcli.engine.executors.pool import Pool
from augcli.engine.plan import Run
from augcli.engine.shard import ShardWork, run_shard
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.saliency import fine_grained
from augcli.store.staged import prepare_state
from tests.conftest import write_photo
from tests.helpers.allocations import counted_allocations
from tests.helpers.runs import make_run, run_over

IMAGES, HEIGHT, WIDTH = 40, 150, 200
PIXELS = HEIGHT * WIDTH


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of one size, a quarter of them upright."""
    folder = tmp_path_factory.mktemp("counted")
    for number in range(IMAGES):
        shape = (HEIGHT, WIDTH) if number % 4 == 0 else (WIDTH, HEIGHT)
        write_photo(folder / "abcd"[number % 4] / f"{number}.jpg", number, *shape)
    return folder


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Calls of what costs, and the pixels that come out of them."""
    actual: Counter[str] = Counter()

    def watch(module: Any, name: str) -> None:
        usual = getattr(module, name)

        def counted(*args: Any, **options: Any) -> Any:
            result = usual(*args, **options)
            actual[name] += 1
            if isinstance(result, np.ndarray):
                actual[f"pixels of {name}"] += result.shape[0] * result.shape[1]
            return result

        monkeypatch.setattr(module, name, counted)

    for name in ("imdecode", "imencode", "resize", "cvtColor"):
        watch(cv2, name)
    watch(fine_grained, "_batch_maps")
    yield actual


def made(run: Run) -> list[Any]:
    prepare_state(run.runtime.state)
    return [run_shard(run, shard) for shard in run.plan.shards()]


def run_of(recipe: str, photos: Path, out: Path, **options: Any) -> Run:
    run = run_over(photos, out, **options)
    pipeline = Pipeline(recipe, (Step(build_recipe(recipe, {})),))
    return make_run(run.listing, pipeline, run.runtime.state, **options)


@pytest.mark.parametrize("copies", [1, 4])
@pytest.mark.parametrize("recipe", ["cutmix", "saliencymix", "mixup", "ricap", "augmix"])
def test_an_image_is_decoded_once_and_an_output_encoded_once(
    recipe: str, copies: int, photos: Path, tmp_path: Path, counts: Counter[str]
) -> None:
    reports = made(run_of(recipe, photos, tmp_path, copies=copies))
    outputs = IMAGES * copies
    assert sum(report.outputs for report in reports) == outputs
    assert sum(report.decodes for report in reports) == counts["imdecode"] == IMAGES
    assert counts["imencode"] == outputs
    written = sum(path.stat().st_size for path in tmp_path.rglob("*.jpg"))
    assert sum(report.bytes_written for report in reports) == written
    assert counts["_batch_maps"] == (IMAGES if recipe == "saliencymix" else 0)
    if recipe != "augmix":  # whose rotations are made in four channels
        # One conversion of colours for each encoding, one for each saliency map, and nothing else;
        # what is pasted is converted by itself, also where something is pasted over it.
        converted = counts["pixels of cvtColor"] / PIXELS - counts["_batch_maps"]
        if recipe in ("cutmix", "saliencymix"):
            assert outputs < converted < 1.5 * outputs
        else:
            assert converted == outputs


def test_only_what_is_pasted_is_resampled(
    photos: Path, tmp_path: Path, counts: Counter[str]
) -> None:
    """A partner of another shape is resampled inside the box alone: at most half of all pixels on
    average, as boxes of CutMix go, and a target never is."""
    made(run_of("cutmix", photos, tmp_path, copies=4))
    assert counts["resize"] <= IMAGES * 4
    assert counts["pixels of resize"] < 0.3 * PIXELS * IMAGES * 4


@pytest.mark.parametrize("copies", [1, 4])
@pytest.mark.parametrize(
    ("recipe", "arrays", "exactly"),
    [
        # What is blended, and the same in the order of colours that OpenCV encodes.
        *((name, 2.0, True) for name in ("mixup", "samplepairing", "flip")),
        # What consists of parts is brought together in that order.
        *((name, 1.0, True) for name in ("cutmix", "ricap")),
        # A patch of one colour, less than a sixteenth of the image.
        ("cutout", 1.0625, False),
        # Numbers of eight bytes and steps between; the map of an image takes another 1.2.
        ("saliencymix", 1.05, False),
        ("randaugment", 9.0, False),
        ("fmix", 18.0, False),
        ("augmix", 54.0, False),
    ],
)
def test_bytes_of_arrays_an_output(
    recipe: str,
    arrays: float,
    exactly: bool,
    copies: int,
    photos: Path,
    tmp_path: Path,
    counts: Counter[str],
) -> None:
    """In arrays of the size of an image: one for each image decoded, and so many an output, beside
    its file and what is resampled. Any further copy of pixels would show."""
    made(run_of(recipe, photos, tmp_path / "first", copies=copies))  # tables that are kept
    counts.clear()
    with counted_allocations() as allocated:
        reports = made(run_of(recipe, photos, tmp_path / "second", copies=copies))
    files = sum(report.bytes_written for report in reports)
    image, outputs = 3 * PIXELS, IMAGES * copies
    actual = (allocated.total - files) / image - counts["pixels of resize"] / PIXELS
    expected = IMAGES + arrays * outputs + 1.2 * counts["_batch_maps"]
    if exactly:
        assert actual == pytest.approx(expected, abs=1.0)
    else:
        assert actual < expected


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_starts_as_many_processes_as_it_was_told(
    workers: int, photos: Path, tmp_path: Path
) -> None:
    run = run_over(photos, tmp_path, copies=2)
    prepare_state(run.runtime.state)
    pool = Pool(ShardWork(run), run.plan.shards(), workers)
    reports = list(pool.reports())
    started = {worker.process.pid for worker in pool.workers}
    pool.close()
    assert sum(report.outputs for report in reports) == IMAGES * 2
    assert (len(started), pool.deaths) == (workers, 0)
