"""Harms runs in every way that a machine can, and compares what comes of it.

    python -m tests.helpers.soak PHOTOS SCRATCH [--kills 40] [--steps 12] [--races 4] [--seed 0]

PHOTOS is an image folder; everything is written below SCRATCH, which has to be empty. A run that
nobody disturbs comes first. Then:

- *kills*: runs into one OUT are harmed at random moments in random ways and resumed: the parent by
  SIGKILL, SIGTERM or SIGINT, one worker or all of them by SIGKILL, or a worker is stopped;
- *phases*: a signal at chosen steps of merging, publishing, repairing and overwriting; where each
  one hit is checked;
- *races*: two runs for one OUT, and two runs that share a saliency cache;
- *edits*: a source that changes between the start of a run and its resumption.

After each death of a run every committed row has to have its file. Where a run comes to its end,
it has to be the first one, byte by byte. A traceback counts as a loss. Prints a line for each kind,
and a JSON object at the end; exits 1 if anything was lost.
"""

from __future__ import annotations

import argparse
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

from augcli.store.layout import STATE
from augcli.store.parts import proven_parts
from tests.conftest import SAMPLE_DATA, tree
from tests.helpers.soak_child import PHASES

HARMS = ("SIGKILL", "SIGTERM", "SIGINT", "worker", "workers", "stop")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP")
SECONDS = 300.0


class Soak:
    """What was harmed so far, and what was lost."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.rng = np.random.default_rng(options.seed)
        self.scratch: Path = options.scratch
        self.harms = Counter[str]()
        self.lost: list[str] = []
        self.out = self.scratch / "out"
        started = time.monotonic()
        subprocess.run(command(options, self.scratch / "calm"), check=True)
        self.seconds = time.monotonic() - started
        self.expected = results(self.scratch / "calm")

    def loses(self, where: str, *names: str) -> None:
        self.lost += [f"{where}: {name}" for name in names]

    def compare(self, where: str, out: Path) -> None:
        actual = results(out)
        names = actual.keys() | self.expected.keys()
        self.loses(where, *(n for n in names if actual.get(n) != self.expected.get(n)))

    def listen(self, where: str, said: str) -> None:
        if "Traceback" in said:
            self.loses(where, "a traceback: " + said[-300:])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--steps", type=int, default=12, help="of each phase, with each signal")
    parser.add_argument("--races", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="saliencymix")
    parser.add_argument("--copies", type=int, default=2)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    if any(options.scratch.iterdir()):
        sys.exit(f"{options.scratch} is not empty")
    soak = Soak(options)
    for kind in (kill, hit_phases, race, share_a_cache, edit_the_source):
        kind(soak)
        print(
            f"{kind.__name__}: {sum(soak.harms.values())} harms, lost: {len(soak.lost)}", flush=True
        )
    print(json.dumps({"harms": dict(soak.harms), "lost": soak.lost[:20]}))
    sys.exit(bool(soak.lost))


def command(options: argparse.Namespace, out: Path, *more: str) -> list[str]:
    arguments = ["generate", str(options.photos), str(out), "-r", options.recipe, "--quiet"]
    arguments += ["-k", str(options.copies), "--max-errors", "1000000", "-j", "3", *more]
    return [sys.executable, "-m", "augcli", *arguments]


def finish(soak: Soak, where: str, out: Path, *more: str) -> None:
    """The run in OUT, undisturbed, has to end as the first one did."""
    result = subprocess.run(
        command(soak.options, out, *more), capture_output=True, timeout=SECONDS, check=False
    )
    soak.listen(where, result.stderr.decode())
    if result.returncode != 0:
        soak.loses(where, f"exit {result.returncode}: {result.stderr.decode()[-200:]}")
    soak.compare(where, out)


def kill(soak: Soak) -> None:
    """Kills at random moments, and resumptions."""
    finished = 0
    while sum(soak.harms.values()) < soak.options.kills or soak.out.exists():
        enough = sum(soak.harms.values()) >= soak.options.kills
        code, said = one_run(soak, 0.0 if enough else soak.seconds)
        soak.listen("kill", said)
        if code == 0:
            finished += 1
            soak.compare("kill", soak.out)
            shutil.rmtree(soak.out)
        else:
            soak.loses("kill", *faults_of_committed(soak.out))


def one_run(soak: Soak, seconds: float) -> tuple[int, str]:
    """Go on with the run in OUT, and harm it within `seconds` (0: not at all): its exit code, and
    what it wrote to stderr."""
    extra = ["--resume"] if soak.out.exists() else []
    process = subprocess.Popen(command(soak.options, soak.out, *extra), stderr=subprocess.PIPE)
    while seconds and process.poll() is None:
        time.sleep(float(soak.rng.uniform(0.02, max(0.3, seconds / 3))))
        harm = HARMS[int(soak.rng.integers(len(HARMS)))]
        if process.poll() is None and do_harm(process, harm, soak.rng):
            soak.harms[harm] += 1
        if harm.startswith("SIG"):
            break
    _, said = process.communicate(timeout=SECONDS)
    return process.returncode, said.decode()


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


def hit_phases(soak: Soak) -> None:
    """A signal at the n-th step of merging, publishing, overwriting and repairing."""
    for phase in PHASES:
        for name in SIGNALS:
            step = 1
            for _ in range(soak.options.steps):
                if not hit(soak, phase, step, name):
                    break
                # The first steps one by one, then further and further apart.
                step += max(1, int(soak.rng.integers(1 + step // 2)))
            if step == 1:
                soak.loses(f"{phase} {name}", "its first step was never reached")


def hit(soak: Soak, phase: str, step: int, name: str) -> bool:
    """Harm one run and complete it; whether the phase has that many steps."""
    where, mark = f"{phase} {name} {step}", soak.scratch / "mark"
    shutil.rmtree(soak.out, ignore_errors=True)
    mark.unlink(missing_ok=True)
    if phase in ("overwrite", "repair"):
        shutil.copytree(soak.scratch / "calm", soak.out)
    arguments = command(soak.options, soak.out)[3:]
    if phase == "overwrite":
        arguments.append("--overwrite")
    elif phase == "repair":
        damage(soak.out, soak.rng)
        arguments = ["verify", str(soak.out), "--repair", "--quiet"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.helpers.soak_child",
            phase,
            str(step),
            name,
            str(mark),
            *arguments,
        ],
        stderr=subprocess.PIPE,
    )
    if name == "SIGSTOP":
        wait_until_stopped(process)
        process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=SECONDS)
    soak.listen(where, said.decode())
    if not mark.exists():
        return False
    soak.harms[f"{phase} {name}"] += 1
    ends = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}
    if name in ends and process.returncode != ends[name]:
        soak.loses(where, f"exit {process.returncode} at {mark.read_text()}")
    if phase == "repair":
        complete_repair(soak, where)
    elif name in ends:
        more = "--overwrite" if phase == "overwrite" and not is_resumable(soak.out) else "--resume"
        finish(soak, where, soak.out, more)
    else:
        soak.compare(where, soak.out)
    return True


def is_resumable(out: Path) -> bool:
    return (out / STATE / "identity.json").exists()


def complete_repair(soak: Soak, where: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "augcli", "verify", str(soak.out), "--repair", "--quiet"],
        capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    soak.listen(where, result.stderr.decode())
    soak.compare(where, soak.out)


def damage(out: Path, rng: np.random.Generator) -> None:
    """Remove an image, cut another, and take a row from the manifest."""
    images = sorted((out / "train").glob("*/*.jpg"))
    first, second = rng.choice(len(images), 2, replace=False)
    images[first].unlink()
    images[second].write_bytes(images[second].read_bytes()[:-100])
    manifest = out / "train" / "metadata.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    del lines[int(rng.integers(len(lines)))]
    manifest.write_bytes(b"".join(lines))


def wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    """Return when a process is stopped or has ended (Linux)."""
    while process.poll() is None:
        state = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        if state.split()[0] == "T":
            return
        time.sleep(0.01)


def race(soak: Soak) -> None:
    """Two runs want one OUT: one gets it, the other says so; nothing of the result is missing."""
    for number in range(soak.options.races):
        shutil.rmtree(soak.out, ignore_errors=True)
        more: tuple[str, ...] = ()
        if number % 2:
            shutil.copytree(soak.scratch / "calm", soak.out)
            more = ("--overwrite",)
        one = subprocess.Popen(command(soak.options, soak.out, *more), stderr=subprocess.PIPE)
        time.sleep(float(soak.rng.uniform(0, soak.seconds / 2)))
        other = subprocess.Popen(command(soak.options, soak.out, *more), stderr=subprocess.PIPE)
        codes = []
        for process in (one, other):
            _, said = process.communicate(timeout=SECONDS)
            soak.listen("race", said.decode())
            codes.append(process.returncode)
        soak.harms["race"] += 1
        # With --overwrite the second may come when the first has ended, and replace it.
        if 0 not in codes or not set(codes) <= {0, 2} or (not more and codes.count(0) == 2):
            soak.loses("race", f"exits {codes}")
        soak.compare("race", soak.out)


def share_a_cache(soak: Soak) -> None:
    """Two runs write one saliency cache at the same time, over the photographs of `sample_data`."""

    def gradient(out: Path, cache: str) -> list[str]:
        return [
            sys.executable, "-m", "augcli", "generate", str(SAMPLE_DATA), str(out), "--quiet",
            "-r", "randaugment", "--keep", "--saliency", "gradient", "--device", "cpu",
            "--model", str(SAMPLE_DATA / "classifier.onnx"), "--saliency-cache", cache,
        ]  # fmt: skip

    calm = soak.scratch / "gradient"
    subprocess.run(gradient(calm, "none"), check=True, timeout=SECONDS)
    for number in range(soak.options.races):
        cache = soak.scratch / f"cache{number}"
        outs = [soak.scratch / f"shared{number}{name}" for name in "ab"]
        running = [
            subprocess.Popen(gradient(out, str(cache)), stderr=subprocess.PIPE) for out in outs
        ]
        for process, out in zip(running, outs, strict=True):
            _, said = process.communicate(timeout=SECONDS)
            soak.listen("cache", said.decode())
            if process.returncode != 0 or results(out) != results(calm):
                soak.loses("cache", f"exit {process.returncode}, or other bytes")
        soak.harms["cache"] += 1


def edit_the_source(soak: Soak) -> None:
    """A source that changed is refused by --resume; as it was, the run goes on."""
    photos = soak.scratch / "photos"
    shutil.copytree(soak.options.photos, photos)
    options = argparse.Namespace(**{**vars(soak.options), "photos": photos})
    images = sorted(path for path in photos.rglob("*") if path.is_file())
    for number in range(soak.options.races):
        shutil.rmtree(soak.out, ignore_errors=True)
        process = subprocess.Popen(command(options, soak.out), stderr=subprocess.PIPE)
        while not (soak.out / STATE / "identity.json").exists() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=SECONDS)
        chosen = images[int(soak.rng.integers(len(images)))]
        moved = chosen.with_name(f"moved {chosen.name}")
        chosen.rename(moved)
        if number % 2:
            shutil.copyfile(images[0] if images[0] != chosen else images[1], chosen)
        result = subprocess.run(
            command(options, soak.out, "--resume"),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        soak.listen("edit", result.stderr.decode())
        if result.returncode != 2 and "other" not in result.stderr.decode():
            soak.loses("edit", f"exit {result.returncode}: {result.stderr.decode()[-200:]}")
        moved.replace(chosen)
        finish(soak, "edit", soak.out, "--resume")
        soak.harms["edit"] += 1


def faults_of_committed(out: Path) -> list[str]:
    """What is wrong with an interrupted run: rows without their whole file, or a half OUT/train."""
    state = out / STATE
    actual = []
    for part in proven_parts(state):
        for row in map(json.loads, part.row_lines()):
            staged = state / "train" / row["file_name"]
            path = staged if staged.exists() else out / "train" / row["file_name"]
            if not path.is_file() or path.stat().st_size == 0:
                actual.append(row["file_name"])
    return actual


def results(out: Path) -> dict[str, str]:
    """All that a run leaves but run.json, which says when it was, and what resumption needs."""
    skipped = (f"{STATE}/", "run.json")
    return {name: digest for name, digest in tree(out).items() if not name.startswith(skipped)}


if __name__ == "__main__":
    main()
