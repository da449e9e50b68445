"""How often a judge still sees the label after Cutout and RandAugment, plain and with --keep.

    python -m tests.benchmarks.keep_fidelity PHOTOS SYNSETS JUDGE.onnx SALIENCY.onnx

PHOTOS are ImageNet photographs whose names begin with their WordNet id; SYNSETS is a text of the
1000 ids in the order of the judge's outputs; JUDGE takes RGB of 224 x 224, normalised as
torchvision does; SALIENCY is another classifier, with its settings in a TOML file beside it, for
--saliency gradient. Two copies of each photograph, seed 1; the standard error is about 0.02.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

CUTOUT = [("cutout", f"length={side}") for side in (56, 112, 168)]
RANDAUGMENT = [("randaugment", f"m={m}") for m in (9, 20)]
KEEP: dict[str, list[str]] = {
    "plain": [],
    "keep, tau 1": ["--keep", "--tau", "1"],
    **{
        f"keep, {saliency}, tau {tau}": ["--keep", "--tau", tau, "--saliency", saliency]
        for saliency in ("fine-grained", "gradient")
        for tau in ("0.6", "0.3")
    },
    "keep inside, gradient, tau 0.3": [
        *("--keep", "--tau", "0.3", "--saliency", "gradient", "--keep-candidates", "inside")
    ],
}
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def main(photos: Path, synsets: Path, judge: Path, saliency: Path) -> None:
    ids = synsets.read_text().split()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "photos"
        for photo in photos.rglob("n[0-9]*.*"):  # a class for each WordNet id
            place = source / photo.name.partition("_")[0]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, place)
        _measure(source, synsets, ids, judge, saliency)


def _measure(source: Path, synsets: Path, ids: list[str], judge: Path, saliency: Path) -> None:
    session = onnxruntime.InferenceSession(str(judge), providers=["CPUExecutionProvider"])
    columns = [*CUTOUT, *RANDAUGMENT]
    print("|", *(setting for _, setting in columns), sep=" | ", end=" |\n")
    print("|---" * (1 + len(columns)) + "|")
    for name, options in KEEP.items():
        cells = []
        for recipe, setting in columns:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                model = ["--model", str(saliency), "--class-list", str(synsets)]
                subprocess.run(
                    [
                        *(sys.executable, "-m", "augcli", "generate", str(source), str(out)),
                        *("-r", recipe, "--set", setting, "--size", "224x224", "--seed", "1"),
                        *("--copies", "2", "--quiet", *options),
                        *(model if "gradient" in options else ()),
                    ],
                    check=True,
                )
                right = [*_judged(out, session, ids)]
            cells.append(f"{np.mean(right):.3f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _judged(out: Path, session: onnxruntime.InferenceSession, ids: list[str]) -> Iterator[bool]:
    """Of each output, whether the judge's first class is that of its photograph."""
    train = out / "train"
    for line in (train / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        image = cv2.cvtColor(cv2.imread(str(train / row["file_name"])), cv2.COLOR_BGR2RGB)
        pixels = ((image / 255 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[None]
        (logits,) = session.run(None, {session.get_inputs()[0].name: pixels})
        synset = Path(row["source_paths"][0]).name.partition("_")[0]
        yield ids[int(logits.argmax())] == synset


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
