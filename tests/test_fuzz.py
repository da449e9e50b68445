"""Mutated manifests, tables, archives, recipe files, configurations, run records and models.

Each is taken, or refused with one sentence; nothing hangs, and nothing is written.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.cli.app import app
from augcli.dataset.source import list_source
from augcli.errors import RunFailed, UnreadableImage, UserError
from augcli.manifest.verify import verify
from augcli.recipes.recipefile import read_recipe_file
from augcli.run.described import read_run_to_repeat, summary_of
from augcli.run.images import read_sample
from augcli.run.replay import replay
from tests.conftest import SAMPLE_DATA, Augcli, tree, write_photo
from tests.dataset.archives import write_tar
from tests.mutations import mutated_bytes, mutated_values, to_toml

_SECONDS_A_CASE = 10.0


def draws(seed: int, cases: int) -> Iterator[np.random.Generator]:
    return (np.random.default_rng([seed, case]) for case in range(cases))


def refused(call: Callable[[], Any]) -> bool:
    """Whether the call is refused with one sentence; anything else that it raises is a failure."""
    started = time.monotonic()
    try:
        call()
    except (UserError, RunFailed) as error:
        text = str(error)
        assert text.strip()
        assert "\n" not in text.strip(), text
        assert len(text) < 3000
        return True
    finally:
        assert time.monotonic() - started < _SECONDS_A_CASE
    return False


def read_all(source: Path, root: Path) -> None:
    """List a source and read what it lists, all of which has to lie below `root`."""
    listing = list_source(source)
    assert set(listing.class_of.tolist()) <= set(range(len(listing.classes)))
    for index in range(len(listing)):
        sample = listing.sample(index)
        try:
            read_sample(sample)
        except UnreadableImage:
            continue
        assert Path(sample.path.decode()).resolve().is_relative_to(root.resolve())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for number, name in enumerate(("a/1.png", "a/2.png", "b/3.png", "b/4.png")):
        write_photo(tmp_path / "small" / name, number, 12, 10)
    return tmp_path / "small"


def as_lines(rows: Any) -> bytes:
    listed = rows if isinstance(rows, list) else [rows]
    return "".join(json.dumps(row) + "\n" for row in listed).encode()


CASES_A_READER = 400


@pytest.mark.parametrize("by", ["bytes", "values"])
def test_manifests(small: Path, by: str) -> None:
    rows = [
        {"file_name": "a/1.png", "label": 0, "class_name": "a"},
        {"file_name": "a/2.png", "label_ids": [0, 1], "label_weights": [0.25, 0.75]},
        {"file_name": "b/3.png", "soft_label": [0.5, 0.5]},
        {"file_name": "b/4.png", "label": 1},
    ]
    (small / "classes.txt").write_text("a\nb\n")
    whole = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (small.parent / "up.jpg").write_bytes(b"not for it")
    count = 0
    for rng in draws(1, CASES_A_READER):
        if by == "bytes":
            data = mutated_bytes(whole, rng)
        else:
            data = as_lines(mutated_values(rows, rng))
        (small / "metadata.jsonl").write_bytes(data)
        count += refused(lambda: read_all(small, small))
    assert 20 < count < CASES_A_READER


def test_tables(small: Path) -> None:
    whole = b'path,label\na/1.png,cat\na/2.png,"dog, big"\nb/3.png,cat\r\nb/4.png,7\n'
    count = 0
    for rng in draws(2, CASES_A_READER):
        (small / "t.csv").write_bytes(mutated_bytes(whole, rng))
        count += refused(lambda: read_all(small / "t.csv", Path("/")))
    assert 20 < count < CASES_A_READER


@pytest.mark.parametrize("kind", ["folders", "samples"])
def test_archives(tmp_path: Path, kind: str) -> None:
    files = {f"a/{'long' * 30}/1.png": b"1" * 600, "a/2.png": b"2" * 90, "b/3.png": b"3"}
    labelled = {"1.cls": b"3", "1.png": b"1" * 600, "2.json": b'{"label": 1}', "2.png": b"2"}
    whole = write_tar(tmp_path / "w.tar", files if kind == "folders" else labelled).read_bytes()
    whole = whole[: whole.rindex(b"3" if kind == "folders" else b"2") + 1600]
    count = 0
    for rng in draws(3, CASES_A_READER):
        data = mutated_bytes(whole, rng)
        if rng.random() < 0.5:  # with checksums that fit, else most end there
            data = with_checksums(data)
        (tmp_path / "m.tar").write_bytes(data)
        count += refused(lambda: read_all(tmp_path / "m.tar", tmp_path))
    assert 20 < count < CASES_A_READER


def with_checksums(data: bytes) -> bytes:
    mended = bytearray(data)
    for at in range(0, len(mended) - 511, 512):
        if mended[at + 257 : at + 262] == b"ustar":
            mended[at + 148 : at + 156] = b" " * 8
            mended[at + 148 : at + 156] = b"%06o\0 " % sum(mended[at : at + 512])
    return bytes(mended)


RECIPE = {
    "name": "strong",
    "label_smoothing": 0.1,
    "steps": [
        {"recipe": "randaugment", "n": 2, "m": 9, "probability": 0.5},
        {"one_of": [{"recipe": "saliencymix", "weight": 2}, {"recipe": "mixup", "alpha": 0.4}],
         "probability": 0.8, "keep": {"tau": 0.5}},
        {"recipe": "cutout", "keep": True},
        {"recipe": "fmix", "alpha": 1.0},
    ],
    "classes": {"cat": {"randaugment": {"m": 5}}},
}  # fmt: skip


@pytest.mark.parametrize("by", ["bytes", "values"])
def test_recipe_files(tmp_path: Path, by: str) -> None:
    file = tmp_path / "strong.toml"
    file.write_text(to_toml(RECIPE))
    read_recipe_file(file)
    count = 0
    for rng in draws(4, CASES_A_READER):
        if by == "bytes":
            file.write_bytes(mutated_bytes(to_toml(RECIPE).encode(), rng))
        else:
            table = mutated_values(RECIPE, rng)
            file.write_text(to_toml(table if isinstance(table, dict) else {"steps": table}))
        count += refused(lambda: read_recipe_file(file).digest())
    assert 100 < count < CASES_A_READER


CONFIGURATION = {
    "source": "small", "out": "out", "recipe": "cutmix", "seed": 3, "copies": 2, "size": "24x20",
    "fit": "contain", "set": {"alpha": 0.5}, "generate": {"workers": 1, "quality": 90,
    "max-errors": 3, "background": "#102030", "max-pixels": 10000, "keep": False},
}  # fmt: skip


def test_configurations(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path = small.parent
    monkeypatch.chdir(tmp_path)
    codes = []
    for rng, by_bytes in zip(draws(5, 150), itertools.cycle([True, False]), strict=False):
        text = to_toml(CONFIGURATION)
        if by_bytes:
            data = mutated_bytes(text.encode(), rng)
        else:
            table = mutated_values(CONFIGURATION, rng)
            data = to_toml(table if isinstance(table, dict) else {"seed": table}).encode()
        (tmp_path / "augcli.toml").write_bytes(data)
        before = tree(tmp_path)

        def call() -> None:
            try:
                app(["generate", "--dry-run", "--json"], prog_name="augcli")
            except SystemExit as ended:
                codes.append(ended.code)

        if refused(call):
            codes.append(2)
        assert tree(tmp_path) == before
        assert "Traceback" not in capsys.readouterr().err
    assert set(codes) == {0, 2}


@pytest.fixture
def out(augcli: Augcli, small: Path, tmp_path: Path) -> Path:
    done = augcli("generate", small, tmp_path / "out", "-r", "cutmix", "-k", 2)
    assert done.returncode == 0, done.stderr
    return tmp_path / "out"


@pytest.mark.parametrize("file", ["run.json", "train/metadata.jsonl", "classes.txt"])
def test_outputs_that_are_verified_replayed_and_repaired(
    out: Path, tmp_path: Path, file: str
) -> None:
    whole = (out / file).read_bytes()
    rows = [json.loads(line) for line in whole.splitlines()] if file.endswith("jsonl") else None
    before = tree(tmp_path)

    def look() -> None:
        for fault in [*verify(out).faults, *replay(out, 4)]:
            assert fault.what
            fault.where.encode()
        read_run_to_repeat(out, summary_of(out))

    for rng in draws(6, 120):
        if file == "classes.txt" or rng.random() < 0.4:
            data = mutated_bytes(whole, rng)
        elif rows is None:
            data = json.dumps(mutated_values(json.loads(whole), rng)).encode()
        else:
            data = as_lines(mutated_values(rows, rng))
        (out / file).write_bytes(data)
        refused(look)
        (out / file).write_bytes(whole)
        assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["model", "settings"])
def test_models(tmp_path: Path, kind: str) -> None:
    """Broken graphs may be refused late, by the runtime; what is beside them, at once."""
    from augcli.saliency.classifier import build_spec, classifier_maps

    model, beside = tmp_path / "m.onnx", tmp_path / "m.toml"
    for name in ("classifier.onnx", "classifier.toml"):
        shutil.copy(SAMPLE_DATA / name, (tmp_path / "m").with_suffix(Path(name).suffix))
    whole, said = model.read_bytes(), beside.read_bytes()
    classes = ["cat", "coffee", "flower", "rocket", "temple"]
    image = np.zeros((20, 24, 3), np.uint8)

    def look() -> None:
        spec = build_spec(model, classes, [("gradient", None)], device="cpu")
        classifier_maps(spec, "gradient", [image], [((0,), (1.0,))])

    head = whole.index(b"conv") if b"conv" in whole else 2000
    count, cases = 0, 80 if kind == "model" else 200
    for rng in draws(7, cases):
        if kind == "settings":
            beside.write_bytes(mutated_bytes(said, rng))
        elif rng.random() < 0.5:
            model.write_bytes(mutated_bytes(whole, rng))
        else:  # names, operators and shapes rather than weights
            model.write_bytes(mutated_bytes(whole[: head + 400], rng) + whole[head + 400 :])
        before = tree(tmp_path)
        count += refused(look)
        assert tree(tmp_path) == before
    assert 10 < count < cases
