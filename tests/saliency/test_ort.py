"""ONNX Runtime sends nothing and writes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers.onnx_models import SAMPLE

PROGRAM = """
import json, os, sys, time
from pathlib import Path
def sockets():
    links = []
    for entry in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{entry}"))
        except OSError:
            pass
    return [link for link in links if "socket:" in link]
import augcli.ort
time.sleep(0.5)
after_import = sockets()
import numpy as np
from augcli.classifier.build import build_spec
from augcli.saliency.classifier import classifier_maps
spec = build_spec(Path(sys.argv[1]), ["rocket"], [("gradient", None)], device="cpu")
image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
(found,) = classifier_maps(spec, "gradient", [image], [((0,), (1.0,))])
time.sleep(1.5)
print(json.dumps([after_import, sockets(), bool(found.any())]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are looked for in /proc")
def test_gradient_saliency_writes_no_file_and_opens_no_socket(tmp_path: Path) -> None:
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
             "XDG_RUNTIME_DIR", "TMPDIR")  # fmt: skip
    places = {name: str(tmp_path / name) for name in names}
    for place in places.values():
        Path(place).mkdir()
    outside = {k: v for k, v in os.environ.items() if "TELEMETRY" not in k}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SAMPLE)],
        env={**outside, **places, "PYTHONPATH": str(ROOT), "ORT_DISABLE_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert json.loads(result.stdout) == [[], [], True]
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_one_module_imports_onnx_runtime() -> None:
    importing = re.compile(
        r"^\s*(import onnxruntime|from onnxruntime)|import_module\(.onnxrunt", re.M
    )
    actual = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "augcli").rglob("*.py"))
        if importing.search(path.read_text(encoding="utf-8"))
    ]
    assert actual == ["augcli/ort.py"]
