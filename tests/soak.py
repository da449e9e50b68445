"""Kills runs at random moments, for as long as one likes, and compares what comes of it.

    python -m tests.soak PHOTOS SCRATCH [--kills 40] [--seed 0] [--recipe saliencymix]

PHOTOS is an image folder; everything is written below SCRATCH, which has to be empty. A run that
nobody disturbs comes first. Then runs into one OUT are killed, each at a random moment and in a
random way, and resumed: the parent by SIGKILL, SIGTERM or SIGINT, one worker or all of them by
SIGKILL, or a worker is stopped for a while. After each death of a run every committed row has to
have its file, whole, and OUT/train has to be absent. Where a run comes to its end, it has to be the
first one, byte by byte, and the next begins. A traceback counts as a loss. Prints one line a run,
and a JSON object at the end; exits 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

HARMS = ("SIGKILL", "SIGTERM", "SIGINT", "worker", "workers", "stop")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="saliencymix")
    parser.add_argument("--copies", type=int, default=2)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    if any(options.scratch.iterdir()):
        sys.exit(f"{options.scratch} is not empty")
    soak(options)


def soak(options: argparse.Namespace) -> None:
    rng = np.random.default_rng(options.seed)
    calm, out = options.scratch / "calm", options.scratch / "out"
    started = time.monotonic()
    subprocess.run(command(options, calm), check=True)
    seconds = time.monotonic() - started
    expected = tree(calm)
    kills, lost, finished = Counter[str](), list[str](), 0
    while sum(kills.values()) < options.kills or out.exists():
        enough = sum(kills.values()) >= options.kills
        code, harms, said = one_run(options, out, rng, 0.0 if enough else seconds)
        kills.update(harms)
        lost += [said] if "Traceback" in said else []
        if code == 0:
            finished += 1
            lost += [name for name, digest in expected.items() if tree(out).get(name) != digest]
            lost += sorted(tree(out).keys() - expected.keys())
            shutil.rmtree(out)
        else:
            lost += faults_of_committed(out)
        print(f"exit {code}, {sum(kills.values())} harms, {finished} runs complete, lost:"
              f" {len(lost)}", flush=True)  # fmt: skip
    told = {"harms": dict(kills), "complete": finished, "files": len(expected), "lost": lost[:20]}
    print(json.dumps(told))
    sys.exit(bool(lost))


def command(options: argparse.Namespace, out: Path) -> list[str]:
    arguments = ["generate", str(options.photos), str(out), "-r", options.recipe, "--quiet"]
    arguments += ["-k", str(options.copies), "--max-errors", "1000000", "-j", "3"]
    return [sys.executable, "-m", "augcli", *arguments]


def one_run(
    options: argparse.Namespace, out: Path, rng: np.random.Generator, seconds: float
) -> tuple[int, list[str], str]:
    """Go on with the run in OUT, and harm it within `seconds` (0: not at all): its exit code, what
    was done to it, and what it said."""
    extra = ["--resume"] if out.exists() else []
    process = subprocess.Popen([*command(options, out), *extra], stderr=subprocess.PIPE)
    harms = []
    while seconds and process.poll() is None:
        time.sleep(float(rng.uniform(0.02, max(0.3, seconds / 3))))
        harm = HARMS[int(rng.integers(len(HARMS)))]
        if process.poll() is None and do_harm(process, harm, rng):
            harms.append(harm)
        if harm.startswith("SIG"):
            break
    _, said = process.communicate()
    return process.returncode, harms, said.decode()


def do_harm(process: subprocess.Popen[bytes], harm: str, rng: np.random.Generator) -> bool:
    if harm.startswith("SIG"):
        process.send_signal(signal.Signals[harm])
        return True
    workers = children(process.pid)
    if not workers:
        return False
    chosen = workers if harm == "workers" else [workers[int(rng.integers(len(workers)))]]
    for worker in chosen:
        try:
            os.kill(worker, signal.SIGSTOP if harm == "stop" else signal.SIGKILL)
            if harm == "stop":
                time.sleep(0.2)
                os.kill(worker, signal.SIGCONT)
        except ProcessLookupError:
            continue
    return True


def children(process: int) -> list[int]:
    """The worker processes of a run (Linux)."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def faults_of_committed(out: Path) -> list[str]:
    """What is wrong with an interrupted run: rows without their whole file, or a half OUT/train."""
    if (out / "train").exists() and not (out / "run.json").exists():
        return ["train without run.json"]
    found = []
    for part in (out / ".augcli/parts").glob("*.rows"):
        for row in map(json.loads, part.read_bytes().splitlines()):
            staged = out / ".augcli/train" / row["file_name"]
            path = staged if staged.exists() else out / "train" / row["file_name"]
            if not path.is_file() or digest_of(path) != row["sha256"]:
                found.append(row["file_name"])
    return found


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree(out: Path) -> dict[str, str]:
    """All that a run leaves but run.json, which tells when it was."""
    names = [*(out / "train").rglob("*"), out / "classes.txt", out / "errors.jsonl"]
    return {str(path.relative_to(out)): digest_of(path) for path in names if path.is_file()}


if __name__ == "__main__":
    main()
