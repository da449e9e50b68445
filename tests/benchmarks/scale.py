"""What many files cost: listing, the first output, a whole run, resuming it, and growth.

Each of these is measured once, not once a round: a million outputs take minutes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.image_sets import image_files
from tests.benchmarks.measure import Failed, run
from tests.benchmarks.report import Record

SCALE = "a million files"
GROWTH = "growth"

_CLASSES = 1000
_NAMES = 10_000_000
_SIZES = (1_000, 10_000, 100_000)
# Of a run that is taken off: enough for two workers and all classes.
_FEW, _FEW_CLASSES = 200, 100
_MIB = 1 << 20
_MOST_SECONDS = {
    "listing and planning": 10.0,
    "first output": 3.0,
    "resume of the finished run": 15.0,
}
_MOST_MIB = {"parent while planning": 300.0, "10,000,000 names": 1000.0}
_GROWTH = 0.9, 1.1

# Builds the listing of so many names without files, and prints the most memory it took.
_SIMULATION = f"""
import resource
from augcli.data.listing import ListingBuilder
builder = ListingBuilder()
for class_id in range({_CLASSES}):
    folder = builder.folder(b"n%08d" % class_id)
    for number in range({_NAMES // _CLASSES}):
        builder.add(folder, b"n%08d_%d.JPEG" % (class_id, number), class_id)
listing = builder.finish("/photos", [f"n{{i:08d}}" for i in range({_CLASSES})])
assert len(listing) == {_NAMES}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def link_images(images: Path, count: int, out: Path, most_classes: int = _CLASSES) -> Path:
    """`count` hard links to the images of a folder, in so many class folders or fewer."""
    actual = [path for _, path in image_files(images)]
    classes = min(most_classes, max(2, count // 2))
    for class_id in range(classes):
        folder = out / f"n{class_id:08d}"
        folder.mkdir(parents=True)
        for number in range(class_id, count, classes):
            os.link(actual[number % len(actual)], folder / f"{number:08d}.jpg")
    return out


def measure_scale(
    images: Path, count: int, work: Path, environment: dict[str, str], say: Callable[[str], None]
) -> list[Record]:
    """The records of a source of `count` small images (hard links to those of a folder)."""
    say(f"{count:,} files: linking")
    source, out = link_images(images, count, work / "many"), work / "many-out"
    generate = [sys.executable, "-m", "augcli", "generate", str(source), str(out), "-q"]
    generate += ["--recipe", "cutmix", "--workers", "2"]
    say(f"{count:,} files: planning")
    planned = run([*generate, "--dry-run"], work, environment)
    say(f"{count:,} files: first output")
    first = _until_first_output(generate, out, environment)
    shutil.rmtree(out)
    say(f"{count:,} files: the whole run")
    whole = run(generate, work, environment)
    say(f"{count:,} files: resuming it")
    resumed = run([*generate, "--resume"], work, environment)
    shutil.rmtree(out)
    shutil.rmtree(source)
    seconds = {
        "listing and planning": planned.wall,
        "first output": first,
        "the whole run": whole.wall,
        "resume of the finished run": resumed.wall,
    }
    simulated = run([sys.executable, "-c", _SIMULATION], work, environment)
    mebibytes = {
        "parent while planning": planned.peak / _MIB,
        "largest process of the whole run": whole.peak / _MIB,
        "10,000,000 names": float(simulated.stdout),
    }
    return [
        *(
            Record(f"{count:,} files", name, "seconds", [value], _MOST_SECONDS.get(name))
            for name, value in seconds.items()
        ),
        *(
            Record(f"Memory at {count:,} files", name, "MiB", [value], _MOST_MIB.get(name))
            for name, value in mebibytes.items()
        ),
    ]


def _until_first_output(command: list[str], out: Path, environment: dict[str, str]) -> float:
    """Seconds from the start of a run to its first image; the run is then stopped."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while next(out.glob(".augcli/train/*/*.jpg"), None) is None:
                if process.poll() is not None:
                    raise Failed(f"exit code {process.returncode} before the first output")
                time.sleep(0.01)
            return time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGTERM)


def measure_growth(
    images: Path, rounds: int, work: Path, environment: dict[str, str], say: Callable[[str], None]
) -> list[Record]:
    """CPU time of an output in runs of growing size, what a run of few images costs taken off."""
    samples: dict[int, list[float]] = {size: [] for size in _SIZES}
    sources = {
        size: link_images(images, size, work / f"growth-{size}", _FEW_CLASSES)
        for size in (_FEW, *_SIZES)
    }
    for number in range(rounds):
        cost = {}
        for size, source in sources.items():
            say(f"growth: {size:,} outputs, {number + 1} of {rounds}")
            out = work / "growth-out"
            command = [sys.executable, "-m", "augcli", "generate", str(source), str(out), "-q"]
            cost[size] = run([*command, "-r", "cutmix", "-j", "2"], work, environment).cpu
            shutil.rmtree(out)
        for size in _SIZES:
            samples[size].append((cost[size] - cost[_FEW]) / (size - _FEW))
    for source in sources.values():
        shutil.rmtree(source)
    records = []
    for small, large in pairwise(_SIZES):
        ratios = [b / a for a, b in zip(samples[small], samples[large], strict=True)]
        records.append(
            Record(
                "Growth",
                f"{small:,} to {large:,} outputs",
                "CPU of an output",
                ratios,
                at_least=_GROWTH[0],
                at_most=_GROWTH[1],
                beside={"us an output": 1e6 * min(samples[large])},
            )
        )
    return records
