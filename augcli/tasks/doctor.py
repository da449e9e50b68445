"""Looks at what augcli runs on: packages, OpenCV, ONNX Runtime and its devices, CPUs, memory and
disks."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import augcli
from augcli.classifier.installed import require_onnx
from augcli.cpus import available_cpus, quota
from augcli.errors import UserError
from augcli.image.opencv import opencv_packages, require_opencv

_NEEDED = ("numpy", "pillow", "pydantic", "orjson", "typer", "rich", "tqdm", "filelock")
# What an extra adds, and what it is for.
_EXTRAS = {
    "pyarrow": ("augcli[parquet]", "Parquet and Arrow"),
    "pillow-heif": ("augcli[formats]", "HEIC"),
    "pillow-jxl-plugin": ("augcli[formats]", "JPEG XL"),
}
_SHARED_MEMORY = Path("/dev/shm")
# Of shared memory: a worker has a few bytes there. Of a disk: hardly any output fits in less.
_LEAST = {"shared memory": 1 << 20, "disk": 1 << 28}


@dataclass(frozen=True)
class Examination:
    """What was found: facts in groups, as JSON values; `faults`, for which something does not work,
    and `remarks`, which are worth knowing, each a sentence with its remedy."""

    facts: dict[str, dict[str, Any]]
    faults: list[str]
    remarks: list[str]


def examine(folder: Path) -> Examination:
    """Look at this installation and this machine; `folder` is on the disk that is looked at."""
    faults: list[str] = []
    remarks: list[str] = []
    facts = {
        "augcli": {
            "version": augcli.__version__,
            "folder": str(Path(augcli.__file__).parent),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        },
        "packages": _packages(faults),
        "opencv": _opencv(faults, remarks),
        "onnx": _onnx(remarks),
        "machine": _machine(folder, faults),
    }
    return Examination(facts, faults, remarks)


def _packages(faults: list[str]) -> dict[str, Any]:
    versions: dict[str, Any] = {}
    for name in (*_NEEDED, *_EXTRAS):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
            if name in _NEEDED:
                faults.append(f"The package {name} is not installed; run `pip install augcli`.")
    return versions


def missing_extras(packages: dict[str, Any]) -> Iterator[str]:
    """For each package of an extra that is not installed, what for and how it would be."""
    for name, (extra, use) in _EXTRAS.items():
        if packages[name] is None:
            yield f"{use} is not read without {name}: `pip install '{extra}'`."


def _opencv(faults: list[str], remarks: list[str]) -> dict[str, Any]:
    packages = opencv_packages()
    facts: dict[str, Any] = {"packages": packages}
    try:
        require_opencv()
    except UserError as error:
        faults.append(str(error))
        return facts
    cv2 = importlib.import_module("cv2")
    facts |= {"version": cv2.__version__, "contrib": hasattr(cv2, "saliency")}
    if len(packages) > 1:
        names = " and ".join(packages)
        remarks.append(
            f"{names} write the same files, and which of them is loaded is chance; uninstall all,"
            " then install one."
        )
    if not facts["contrib"]:
        remarks.append(
            "This OpenCV lacks contrib modules: the saliency detectors opencv-fine-grained and"
            " spectral-residual do not work, all else does."
        )
    return facts


def _onnx(remarks: list[str]) -> dict[str, Any]:
    try:
        require_onnx()
    except UserError as error:
        remarks.append(f"{error} Recipes without a classifier work.")
        return {"onnx": None, "onnxruntime": None}
    import onnx

    from augcli.classifier.sessions import cuda_refusal
    from augcli.ort import onnxruntime

    refusal = cuda_refusal([_small_model()])
    return {
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "providers": onnxruntime.get_available_providers(),
        "cuda": refusal is None,
        "why_no_cuda": refusal,
    }


def _small_model() -> bytes:
    """A product of matrices, to try a device with."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "trial", [value],
                              [result])  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return data


def _machine(folder: Path, faults: list[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "cpu_quota": quota(),
        "workers": available_cpus(),
        "memory": _memory(),
        "disk_free": _free(folder),
        "temporary_folder": tempfile.gettempdir(),
        "temporary_free": _free(Path(tempfile.gettempdir())),
    }
    if sys.platform.startswith("linux"):
        facts["shared_memory_free"] = _free(_SHARED_MEMORY)
    for what, free, where in (
        ("disk", facts["disk_free"], folder),
        ("shared memory", facts.get("shared_memory_free"), _SHARED_MEMORY),
    ):
        if free is not None and free < _LEAST[what]:
            faults.append(f"{where} has {free >> 10} KiB of {what} left; make room there.")
    return facts


def _memory() -> int | None:
    """The bytes of memory of this machine; None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def _free(folder: Path) -> int | None:
    """The bytes that are free on the disk of a folder; None where it cannot be looked at."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
