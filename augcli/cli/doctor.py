"""augcli doctor: says what augcli runs on here, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from augcli.cli.groups import grouped
from augcli.cli.options import Json, Quiet
from augcli.cli.output import Output
from augcli.tasks.amounts import bytes_text
from augcli.text import listed

if TYPE_CHECKING:
    from augcli.tasks.doctor import Examination


@grouped
def doctor(json: Json = False, quiet: Quiet = False) -> None:
    """Say what augcli runs on here: versions, OpenCV, ONNX Runtime and CUDA, CPUs, memory, disk.

    Exits with 1 where something that is needed does not work, and says what to do.

    augcli doctor
    augcli doctor --json
    """
    report = Output(json, quiet)
    from augcli.tasks.doctor import examine

    found = examine(Path.cwd())
    report.result(
        {**found.facts, "faults": found.faults, "remarks": found.remarks},
        "\n".join(_lines(found)),
    )
    for fault in found.faults:
        report.fail(fault)
    if found.faults:
        raise typer.Exit(1)


def _lines(found: Examination) -> Iterator[str]:
    from augcli.tasks.doctor import missing_extras

    own, machine = found.facts["augcli"], found.facts["machine"]
    packages = found.facts["packages"]
    yield f"augcli {own['version']} in {own['folder']}"
    yield f"Python {own['python']} on {own['system']}"
    yield ""
    yield f"packages   {listed(_versions(packages), 'and')}"
    yield f"OpenCV     {_opencv(found.facts['opencv'])}"
    yield f"ONNX       {_onnx(found.facts['onnx'])}"
    yield f"CPUs       {_cpus(machine)}"
    yield f"memory     {_size(machine['memory'])}"
    yield f"free disk  {_disks(machine)}"
    sentences = [*found.remarks, *missing_extras(packages)]
    if sentences:
        yield ""
        yield from sentences
    if not found.faults:
        yield ""
        yield "All that is needed works."


def _versions(packages: Mapping[str, str | None]) -> list[str]:
    return [f"{name} {version}" for name, version in packages.items() if version is not None]


def _opencv(facts: Mapping[str, Any]) -> str:
    if "version" not in facts:
        return "does not work"
    names = listed(facts["packages"], "and") if facts["packages"] else "of no package"
    contrib = "with" if facts["contrib"] else "without"
    return f"{facts['version']} ({names}), {contrib} contrib modules"


def _onnx(facts: Mapping[str, Any]) -> str:
    if facts["onnx"] is None:
        return "not installed"
    versions = f"{facts['onnx']}, ONNX Runtime {facts['onnxruntime']}"
    return f"{versions}; CUDA {'works' if facts['cuda'] else 'no: ' + facts['why_no_cuda']}"


def _cpus(machine: Mapping[str, Any]) -> str:
    quota = machine["cpu_quota"]
    of_quota = "" if quota is None else f", of which a quota leaves {quota:g}"
    return f"{machine['cpus']}{of_quota}; --workers is {machine['workers']} where it is not given"


def _size(size: int | None) -> str:
    return "unknown" if size is None else bytes_text(size)


def _disks(machine: Mapping[str, Any]) -> str:
    text = f"{_size(machine['disk_free'])} here, {_size(machine['temporary_free'])} in"
    text = f"{text} {machine['temporary_folder']}"
    if "shared_memory_free" in machine:
        text += f", {_size(machine['shared_memory_free'])} of shared memory"
    return text
