"""Damaged sources of every kind, manifests, recipe files, configurations, run records and models.

Each is taken, or refused with one sentence; nothing hangs, and nothing is written.
`python -m tests.helpers.fuzz_many` runs more of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SAMPLE_DATA, tree
from tests.helpers.fuzz_many import FAULTS, KINDS, SLOW, draws, is_refused, run_cases
from tests.helpers.fuzz_sources import SOURCES
from tests.helpers.mutations import mutated_bytes

CASES_A_KIND = 400
CASES_A_SOURCE = 20


@pytest.mark.parametrize("kind", KINDS)
def test_each_case_is_accounted_for_or_refused(tmp_path: Path, kind: str) -> None:
    cases = CASES_A_KIND // 4 if kind in SLOW else CASES_A_KIND
    cases = CASES_A_SOURCE if kind in SOURCES else cases
    refused = run_cases(kind, tmp_path / "in", cases)
    assert refused < cases or kind in SOURCES
    assert refused > 0 or kind in FAULTS


@pytest.mark.parametrize("kind", ["model", "settings"])
def test_models(tmp_path: Path, kind: str) -> None:
    """Broken graphs may be refused late, by the runtime; what is beside them, at once."""
    from augcli.classifier.build import build_spec
    from augcli.saliency.classifier import classifier_maps

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
        count += is_refused(look)
        assert tree(tmp_path) == before
    assert 10 < count < cases


@pytest.mark.parametrize("kind", ["Parquet with images", "saved data sets", "npy files"])
def test_commands_end_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """No traceback, and no other exit codes than those of the README."""
    from augcli.cli.app import run

    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    KINDS[kind](tmp_path / "in")
    place = tmp_path / "in" / "d"
    names = sorted(path for path in place.rglob("*") if path.is_file())
    codes = set()
    for rng in draws(11, 12):
        file = names[int(rng.integers(len(names)))]
        whole = file.read_bytes()
        file.write_bytes(mutated_bytes(whole, rng))
        capsys.readouterr()
        codes.add(code := run(["inspect", str(place), "--deep", "--quiet"]))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert "please report it" not in printed.err
        if code:
            assert printed.err.count("\n") <= 2
            assert printed.err.strip()
        file.write_bytes(whole)
    assert codes <= {0, 1, 2}
    assert 2 in codes
