"""Records what every recipe, source, option and format writes, to compare before and after.

    python -m tests.helpers.record_outputs RECORD.json   # writes, or compares with, a record
    python -m tests.helpers.record_outputs RECORD.json --checkout OLDER   # by another augcli

Each case is one `augcli` command over `sample_data`; of its output a digest of every file is kept,
and of its `run.json` what does not name places, times or versions. A record belongs to one place,
as lists of absolute paths are among its sources: an older augcli is run from its own checkout, over
the images of this one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[2] / "sample_data"
MODEL = SAMPLE / "classifier.onnx"
_SHOWN = 3
# What of a run.json differs from place to place and from time to time.
_PASSING = ("source", "root", "versions", "model")

FILES = {
    "one_of": """
        [[steps]]
        probability = 0.8
        [[steps.one_of]]
        recipe = "cutmix"
        weight = 2.0
        [[steps.one_of]]
        recipe = "mixup"
        [[steps]]
        recipe = "flip"
        probability = 0.5
    """,
    "per_class": """
        [[steps]]
        recipe = "randaugment"
        [[steps]]
        recipe = "saliencymix"
        [classes.cat.randaugment]
        m = 5
        [classes.rocket.saliencymix]
        probability = 0.5
    """,
    "triplet": """
        [[steps]]
        recipe = "augmix"
        views = true
    """,
    "keep": """
        label_smoothing = 0.1
        [[steps]]
        recipe = "flip"
        [[steps]]
        recipe = "random_erasing"
        keep = {}
        [[steps]]
        recipe = "saliencymix"
    """,
}
_IMAGES = ("fine-grained", "spectral-residual")


def cases(scratch: Path) -> dict[str, list[str]]:
    """The arguments of each case behind SOURCE and OUT; a SOURCE of its own stands before a `|`."""
    recipes = sorted(json.loads(_run("recipes", "--json").stdout))
    if isinstance(recipes[0], dict):
        recipes = sorted(recipe["name"] for recipe in recipes)
    several: dict[str, list[str]] = {}
    for recipe in recipes:
        several[recipe] = ["-r", recipe, "-k", "2"]
        several[f"{recipe} at 40x48"] = ["-r", recipe, "--size", "40x48", "--seed", "7"]
        several[f"{recipe} kept"] = ["-r", recipe, "--keep", "--size", "48x40"]
    for detector in _IMAGES:
        several[f"saliencymix {detector}"] = ["-r", "saliencymix", "--saliency", detector]
        several[f"keep {detector}"] = [
            "-r", "randaugment", "--keep", "--saliency", detector, "--saliency-size", "24",
        ]  # fmt: skip
    for detector in ("gradient", "gradcam", "feature-map"):
        several[f"keep {detector}"] = [
            "-r", "cutout", "--keep", "--saliency", detector, "--model", str(MODEL), "--size",
            "48x48", "--saliency-cache", "none",
        ]  # fmt: skip
    for name, text in FILES.items():
        file = scratch / f"{name}.toml"
        file.write_text(text)
        several[f"file {name}"] = ["--recipe-file", str(file), "-k", "3"]
    cut = ["-r", "cutmix"]
    for option, values in {
        "--fit": ("cover", "contain", "stretch"),
        "--format": ("jpeg", "png", "webp", "same"),
        "--chroma": ("4:4:4", "4:2:2", "4:2:0"),
        "--include-originals": ("copy", "link"),
        "--pair": ("any", "different-class", "same-class", "balanced"),
        "--per-class": ("3", "14"),
        "-k": ("5", "9"),
        "--dense-labels": ("0",),
        "--label-smoothing": ("0.1",),
        "--quality": ("60",),
    }.items():
        for value in values:
            size = ["--size", "64x40"] if option == "--fit" else []
            several[f"{option} {value}"] = [*cut, option, value, *size]
    several |= {f"from {kind}": [str(path), "|", *cut] for kind, path in _sources(scratch).items()}
    return several


def _sources(scratch: Path) -> dict[str, Path]:
    """The sample images as each kind of source."""
    images = sorted(p for p in SAMPLE.rglob("*") if p.suffix in (".jpg", ".png"))
    table = scratch / "table.csv"
    table.write_text("path,label\n" + "".join(f"{p},{p.parent.name}\n" for p in images))
    archive = scratch / "images.tar"
    with tarfile.open(archive, "w") as tar:
        for path in images:
            tar.add(path, path.relative_to(SAMPLE))
    output = scratch / "made"
    _check(_run("generate", SAMPLE, output, "-r", "mixup"))
    odd = scratch / "odd"
    shutil.copytree(SAMPLE, odd, ignore=lambda *_: ["classifier.onnx", "classifier.toml"])
    (odd / "cat/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    listed = scratch / "paths.txt"
    listed.write_text("".join(f"{path}\n" for path in images))
    return {"table": table, "tar": archive, "manifest": output, "odd": odd, "paths": listed}


def record(arguments: list[str], out: Path) -> dict[str, Any]:
    """Run a case; the digests of what it wrote."""
    source: Path | str = SAMPLE
    if "|" in arguments:
        source, _, *arguments = arguments
    stdin = None
    if str(source).endswith("paths.txt"):
        stdin, source = Path(source).read_bytes(), "-"
    result = _run("generate", source, out, *arguments, "--max-errors", "9", stdin=stdin)
    if result.returncode != 0:
        return {
            "code": result.returncode,
            "stderr": result.stderr.decode().replace(str(out), "OUT"),
        }
    run = json.loads((out / "run.json").read_text())
    files = {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".augcli" not in path.parts and path.name != "run.json"
    }
    shutil.rmtree(out)
    return {"run": {k: v for k, v in run.items() if k not in _PASSING}, "files": files}


def _differences(before: Any, now: Any, place: str = "") -> list[str]:
    """The keys at which two records of a case differ; of many, how many."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [] if before == now else [place or "all"]
    several: list[str] = []
    for key in sorted({*before, *now}):
        several += _differences(before.get(key), now.get(key), f"{place}.{key}".lstrip("."))
    return several if len(several) <= _SHOWN else [*several[:_SHOWN], f"{len(several)} in all"]


def _run(*arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """`augcli` of the working folder, which `main` chooses."""
    command = [sys.executable, "-m", "augcli", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AUGCLI_")}
    return subprocess.run(
        command, input=stdin or b"", capture_output=True, check=False, env=environment
    )


def _check(result: subprocess.CompletedProcess[bytes]) -> None:
    if result.returncode != 0:
        raise SystemExit(result.stderr.decode())


def main(file: Path, checkout: Path) -> int:
    """Write the record, or name the cases that differ from it, and in what."""
    file = file.absolute()
    os.chdir(checkout)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as threads:
        scratch = Path(folder)
        several = cases(scratch)
        outs = [scratch / f"out{number}" for number in range(len(several))]
        now = dict(zip(several, threads.map(record, several.values(), outs), strict=True))
    if not file.exists():
        file.write_text(json.dumps(now, indent=1, sort_keys=True))
        refused = [name for name, case in now.items() if "code" in case]
        print(f"{len(now)} cases recorded, {len(refused)} of them refused.")
        return 0
    before = json.loads(file.read_text())
    different = [n for n in {*before, *now} if before.get(n) != json.loads(json.dumps(now.get(n)))]
    for name in sorted(different):
        print(f"differs: {name} ({', '.join(_differences(before.get(name), now.get(name)))})")
    print(f"{len(now)} cases, {len(different)} differ.")
    return bool(different)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, help="the file that is written, or compared with")
    parser.add_argument(
        "--checkout", type=Path, default=SAMPLE.parent, help="where the augcli that is run lies"
    )
    options = parser.parse_args()
    sys.exit(main(options.record, options.checkout))
