"""What the parent and its workers hold in memory, and what becomes of an image that takes more."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from augcli.dataset.listing import ListingBuilder
from augcli.recipes.cutmix import CutMix
from augcli.recipes.pipeline import Pipeline, Step
from augcli.run import images as images_module
from augcli.run import resume, storage
from augcli.run.generate import generate
from augcli.run.plan import Run
from tests.conftest import tree, write_photo
from tests.run.runs import run_over


def test_decoding_beyond_a_workers_memory_costs_itself(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses the memory (RLIMIT_DATA), as where a decoder is made to allocate."""
    poison, usual = (photos / "bee" / "bee 1.jpg").read_bytes(), images_module.decode

    def decode(data: bytes, **options: object) -> object:
        if data == poison:
            return np.ones(1 << 34, np.uint8)
        return usual(data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(images_module, "decode", decode)
    out = tmp_path / "out"
    run = run_over(photos, out, max_pixels=1_000_000, memory=1 << 24)
    outcome = generate(run, out, source={"source": str(photos)}, workers=2)
    assert (outcome.outputs, outcome.skipped) == (14, 1)
    (error,) = [json.loads(line) for line in (out / "errors.jsonl").open()]
    assert error["source_path"] == "bee/bee 1.jpg"
    assert error["reason"] == "decoding it takes more memory than a worker may use"


def test_the_parent_does_not_grow_with_the_source(tmp_path: Path) -> None:
    """A million images: what a run plans beside their names takes a few bytes each."""
    builder = ListingBuilder()
    folder = builder.folder(b"a")
    for number in range(1_000_000):
        builder.add(folder, b"%07d.jpg" % number, 0)
    listing = builder.finish("/nowhere", ["a"])
    pipeline = Pipeline("cutmix", (Step(CutMix()),))
    run = Run(listing, pipeline, storage.prepare_state(tmp_path / ".augcli"))
    tracemalloc.start()
    shards = list(resume.remaining(run))
    resume.identity(run)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(shard.stop - shard.start for shard in shards) == 1_000_000
    assert peak < 20 * len(listing)


def test_memory_stays_within_its_budget(tmp_path: Path) -> None:
    """A budget of a few images gives the same bytes as one that holds the whole block."""
    source = tmp_path / "source"
    for number in range(24):
        write_photo(source / "ab"[number % 2] / f"{number}.jpg", number, 200, 150)
    trees = []
    for memory in (1 << 29, 300_000):
        out = tmp_path / str(memory)
        run = run_over(source, out, memory=memory, copies=3)
        generate(run, out, source={"source": str(source)}, workers=1)
        trees.append(tree(out / "train"))
    assert trees[0] == trees[1]
