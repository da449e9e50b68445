"""What augcli says of the machine that it runs on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import augcli as package
from augcli.cpus import available_cpus, quota
from tests.conftest import ROOT, Augcli


def test_it_names_versions_and_devices(augcli: Augcli) -> None:
    result = augcli("doctor", "--json")
    facts = json.loads(result.stdout)
    assert (result.returncode, facts["faults"]) == (0, [])
    assert facts["augcli"]["version"] == package.__version__
    assert facts["opencv"]["contrib"] is True
    assert facts["onnx"]["cuda"] is (facts["onnx"]["why_no_cuda"] is None)
    assert facts["machine"]["workers"] == available_cpus()
    assert facts["machine"]["disk_free"] > 1 << 28
    text = augcli("doctor").stdout
    assert f"augcli {package.__version__} in {ROOT}" in text
    assert "All that is needed works." in text


def test_a_package_that_is_missing_is_a_fault(augcli: Augcli, tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1 is missing')")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    result = augcli("doctor", env=env)
    assert result.returncode == 1
    assert "OpenCV cannot be loaded (libGL.so.1 is missing)" in result.stderr
    assert "All that is needed works." not in result.stdout


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_without_onnx_all_but_classifiers_works(
    augcli: Augcli, photos: Path, tmp_path: Path, name: str
) -> None:
    sample = ROOT / "sample_data/classifier.onnx"
    (tmp_path / "hide").mkdir()
    lines = f"raise ModuleNotFoundError('No module named {name}', name='{name}')"
    (tmp_path / "hide" / f"{name}.py").write_text(lines)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "hide"), str(ROOT)])}
    out = tmp_path / "out"
    result = augcli("generate", photos, out, "-r", "saliencymix", "-q", env=env)
    assert (result.returncode, result.stderr) == (0, "")
    assert augcli("verify", out, "--replay", env=env).returncode == 0
    sentence = (
        f"A classifier needs the package {name}, which is not installed;"
        " run `pip install 'augcli[onnx]'`."
    )
    keep = ("-r", "cutout", "--keep", "--saliency", "gradient", "--model", sample)
    for command in (
        ("generate", photos, tmp_path / "new", *keep),
        ("preview", photos, "--to", tmp_path / "new.png", *keep),
        ("saliency", photos, tmp_path / "new", *keep[3:]),
        ("model", "inspect", sample),
        ("model", "fit-head", sample, photos, "--at", "relu2", "--output", tmp_path / "new"),
    ):
        result = augcli(*command, env=env)
        assert (result.returncode, result.stderr) == (2, f"augcli: {sentence}\n"), command
    assert not list(tmp_path.glob("new*"))
    found = augcli("doctor", env=env)
    assert (found.returncode, sentence in found.stdout) == (0, True)


@pytest.mark.parametrize(
    ("cgroup", "files", "limit"),
    [
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5),
        ("4:cpu,cpuacct:/c\n", {"cpu/c/cpu.cfs_quota_us": "300000",
                                "cpu/c/cpu.cfs_period_us": "100000"}, 3.0),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("0::/../..\n", {"cpu.max": "200000 100000"}, 2.0),
        ("nonsense", {"cpu.max": "0 0"}, None),
        ("", {"cpu.max": "many of them"}, None),
    ],
)  # fmt: skip
def test_the_quota_of_a_container(
    tmp_path: Path, cgroup: str, files: dict[str, str], limit: float | None
) -> None:
    (tmp_path / "cgroup").write_text(cgroup)
    for name, text in files.items():
        file = tmp_path / "fs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    assert quota(tmp_path / "cgroup", tmp_path / "fs") == limit
    assert quota(tmp_path / "none", tmp_path / "nowhere") is None


def test_a_quota_bounds_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "augcli.cpus"
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(16), raising=False)
    for limit, workers in ((None, 16), (0.5, 1), (1.5, 2), (40.0, 16)):
        monkeypatch.setattr(f"{module}.quota", lambda limit=limit: limit)
        assert available_cpus() == workers
