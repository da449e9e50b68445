"""A signal leaves one sentence of what holds then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, write_photo

# Stops the command where it looks at SOURCE, at OUT, or for what the cache holds.
PROGRAM = """
import signal, sys
import augcli.__main__, augcli.data.source, augcli.manifest.verify, augcli.classifier.cache_files
def stop(*arguments, **options):
    signal.raise_signal(signal.SIGINT)
augcli.data.source.list_source = augcli.manifest.verify.verify = stop
augcli.classifier.cache_files.entries_of = augcli.classifier.cache_files.remove_entries = stop
augcli.__main__.main()
"""
MODEL = str(ROOT / "sample_data/classifier.onnx")
CASES = {
    "generate S O -r flip": "give the same command with --resume to go on.",
    "generate S O -r flip --resume": "give the same command again to go on.",
    "generate S O -r flip --overwrite": (
        "give the same command with --resume instead of --overwrite to go on."
    ),
    "generate S O -r flip --dry-run": "nothing was written.",
    "saliency S O": "give the same command with --resume to go on.",
    "preview S -r flip": "no sheet was written.",
    "inspect S": "nothing was written.",
    "verify O": "OUT is as it was.",
    "verify O --replay": "OUT is as it was.",
    "verify O --repair": "give the same command again to go on.",
    f"model fit-head {MODEL} S --at relu2 -o x.onnx": "no model was written.",
    "cache": "nothing was written.",
    "cache clean": "what was removed until then is gone; give the same command again for the rest.",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stopped")
    write_photo(place / "S/a/1.png", 1, 20, 20)
    write_photo(place / "S/b/1.png", 2, 20, 20)
    (place / "cache").mkdir()
    made = subprocess.run(
        [sys.executable, "-m", "augcli", "generate", "S", "O", "-r", "flip", "-q"],
        cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip
    assert made.returncode == 0
    return place


@pytest.mark.parametrize("command", CASES)
def test_what_holds_after_a_stop(folder: Path, command: str) -> None:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AUGCLI_")},
        "PYTHONPATH": str(ROOT),
    }
    if command.startswith("cache"):
        environment["AUGCLI_SALIENCY_CACHE"] = str(folder / "cache")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command.split()],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.stderr == f"augcli: stopped by SIGINT; {CASES[command]}\n"
    assert (result.returncode, result.stdout) == (130, "")
