"""One interleaved run: in every round each command once, floors among them."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median

from tests.benchmarks.image_sets import pack, repeat, shrink
from tests.benchmarks.measure import Cost, Failed, run, watch
from tests.benchmarks.plan import (
    FIXED,
    FIXED_FLOOR,
    HELP,
    Rows,
    environment,
    images_in,
    map_name,
    memory_name,
    model_name,
)
from tests.benchmarks.report import Record
from tests.benchmarks.scale import GROWTH, SCALE, measure_growth, measure_scale
from tests.benchmarks.table import (
    FIXED_AT_MOST_SECONDS,
    HELP_AT_MOST_MS,
    MAPS,
    MEMORY_GROWTH_AT_MOST,
    MODEL_RATIOS,
    Floor,
    Row,
)

ROOT = Path(__file__).resolve().parents[2]
_TINY = 6
_HELPS_A_ROUND = 5
_MAPS = {"native": 64, "small": 256}
_MIB = 1 << 20


class Session:
    """Makes the images, runs all commands in rounds, and turns costs into records."""

    def __init__(self, rows: Rows, work: Path, chosen: argparse.Namespace) -> None:
        self._rows = rows
        self._work = work
        self._rounds: int = chosen.rounds
        self._many: int = chosen.many
        self._environment = environment()
        self._numbers = count()
        small_count = chosen.small_count
        self._count = {"native": chosen.count, "small": small_count, "in tars": small_count}
        self._folders = {"native": repeat(chosen.images, chosen.count, work / "native")}
        small = chosen.small_images or shrink(self._folders["native"], work / "shrunk")
        self._folders["small"] = repeat(small, chosen.small_count, work / "small")
        if any(row.images == "in tars" for row in rows.all_rows):
            self._folders["in tars"] = pack(self._folders["small"], work / "tars")
        self._tiny = repeat(small, _TINY, work / "tiny")
        self._costs: dict[str, list[Cost]] = {}
        self.left_out: dict[str, str] = {}
        self.failed = False

    def measure(self) -> list[Record]:
        """Run everything; the records of what did not fail."""
        commands = self._commands()
        self._fill_caches(commands)
        for number in range(self._rounds):
            # Back and forth, so that no row is always the one that comes after another.
            names = list(commands)[:: -1 if number % 2 else 1]
            for at, name in enumerate(names):
                _say(f"round {number + 1} of {self._rounds}, {at + 1} of {len(names)}: {name}")
                if name not in self.left_out:
                    self._run(name, *commands[name])
        records = [*self._throughputs(), *self._ratios(), *self._maps(), *self._models()]
        return [*records, *self._starts(), *self._memories(), *self._scale()]

    def _commands(self) -> dict[str, tuple[list[str], int]]:
        """Every command of a round with the number of images that it must write; rows next to
        their floor. OUT stands for a fresh folder."""
        rows = []
        for row in self._rows.all_rows:
            if row.needs and find_spec(row.needs) is None:
                reason = f"{row.needs} is not installed (the extra `bench` has it)"
                self.left_out[row.name] = reason
            else:
                rows.append(row)
        commands: dict[str, tuple[list[str], int]] = {}
        for floor in dict.fromkeys(row.floor for row in rows):
            commands[floor.name] = self._floor(floor), self._count[floor.images]
            for row in rows:
                if row.floor == floor:
                    outputs = self._count[row.images] * row.copies
                    commands[row.name] = self._row(row), outputs
        for side in self._rows.maps:
            images = "small" if side == 32 else "native"
            module = [sys.executable, "-m", "tests.benchmarks.maps", str(self._folders[images])]
            commands[map_name(side)] = [*module, str(side), str(_MAPS[images])], 0
        for model in self._rows.models:
            module = [sys.executable, "-m", "tests.benchmarks.models", str(model.resolve())]
            commands[model_name(model)] = module, 0
        if HELP in self._rows.starts:
            for number in range(_HELPS_A_ROUND):
                commands[f"{HELP} {number}"] = [sys.executable, "-m", "augcli", "--help"], 0
        if FIXED in self._rows.starts:
            commands[FIXED_FLOOR] = self._floor(Floor("small"), self._tiny), _TINY
            commands[FIXED] = self._generate(self._tiny, 2, ["--recipe", "cutmix"]), _TINY
        return commands

    def _floor(self, floor: Floor, folder: Path | None = None) -> list[str]:
        script = str(Path(__file__).with_name("floor.py"))
        images = str(folder or self._folders[floor.images])
        return [sys.executable, script, images, "OUT", *floor.arguments]

    def _row(self, row: Row) -> list[str]:
        folder = self._folders[row.images]
        if row.peer:
            module = ["-m", f"tests.benchmarks.peers.{row.peer}"]
            return [sys.executable, *module, str(folder), "OUT", str(row.workers)]
        return self._generate(folder, row.workers, [*row.arguments])

    def _generate(self, folder: Path, workers: int, arguments: list[str]) -> list[str]:
        head = [sys.executable, "-m", "augcli", "generate", str(folder), "OUT", "--quiet"]
        return [*head, "--workers", str(workers), *arguments]

    def _run(self, name: str, command: list[str], outputs: int) -> None:
        folder = self._fresh()
        out = folder / "out"
        try:
            cost = run(self._into(out, command), folder, self._environment)
            made = sum(map(images_in, out.rglob("*")))
            if made != outputs:
                raise Failed(f"{made} images were written instead of {outputs}")
        except Failed as error:
            self._leave_out(name, error)
        else:
            self._costs.setdefault(name, []).append(cost)
        finally:
            shutil.rmtree(folder)

    def _fill_caches(self, commands: dict[str, tuple[list[str], int]]) -> None:
        """Run what reads a cache once, uncounted."""
        for name, (command, outputs) in commands.items():
            if "CACHE" in command:
                self._run(name, command, outputs)
                self._costs.pop(name, None)

    def _fresh(self) -> Path:
        """A folder whose name was never used."""
        folder = self._work / f"run-{next(self._numbers):05d}"
        folder.mkdir()
        return folder

    def _whole(self, *names: str) -> bool:
        """Whether every round of these commands was measured."""
        return all(name in self._costs and name not in self.left_out for name in names)

    def _throughputs(self) -> list[Record]:
        records = []
        for section, rows in (("Recipe", self._rows.rows), ("By other means", self._rows.peers)):
            for row in rows:
                if not self._whole(row.name, row.floor.name):
                    continue
                images = self._count[row.images]
                outputs = images * row.copies
                pairs = list(zip(self._costs[row.name], self._costs[row.floor.name], strict=True))
                ratios = [(c.cpu / outputs) / (f.cpu / images) for c, f in pairs]
                walls = [(c.wall / outputs) / (f.wall / images) for c, f in pairs]
                beside = {
                    "wall over floor": median(walls),
                    "CPU us an output": median(1e6 * c.cpu / outputs for c, _ in pairs),
                    "floor's": median(1e6 * f.cpu / images for _, f in pairs),
                }
                quantity = "CPU over floor"
                records.append(
                    Record(section, row.name, quantity, ratios, row.at_most, beside=beside)
                )
        return records

    def _ratios(self) -> list[Record]:
        records = []
        for ratio in self._rows.ratios:
            first, second = ratio.first, ratio.second
            floors = first.floor.name, second.floor.name
            if not self._whole(first.name, second.name, *floors):
                continue
            samples = self._quotients(first.name, second.name, ratio.of)
            beside = {}
            if floors[0] != floors[1]:
                beside["the floor's"] = median(self._quotients(*floors, ratio.of))
            quantity = f"times the {'CPU' if ratio.of == 'cpu' else 'wall'} time"
            records.append(
                Record(
                    ratio.section,
                    ratio.name,
                    quantity,
                    samples,
                    ratio.at_most,
                    ratio.at_least,
                    beside,
                )
            )
        return records

    def _quotients(self, first: str, second: str, of: str) -> list[float]:
        pairs = zip(self._costs[first], self._costs[second], strict=True)
        return [getattr(a, of) / getattr(b, of) for a, b in pairs]

    def _maps(self) -> list[Record]:
        records = []
        for side in self._rows.maps:
            name = map_name(side)
            if not self._whole(name):
                continue
            costs = [json.loads(cost.stdout) for cost in self._costs[name]]
            times = [one["opencv"] / one["ours"] for one in costs]
            beside = {"us an image": median(one["ours"] for one in costs)}
            beside["OpenCV's"] = median(one["opencv"] for one in costs)
            quantity = "times as fast as OpenCV's"
            records.append(Record("Map", name, quantity, times, at_least=MAPS[side], beside=beside))
        return records

    def _models(self) -> list[Record]:
        records = []
        for model in self._rows.models:
            name = model_name(model)
            if not self._whole(name):
                continue
            costs = [json.loads(cost.stdout) for cost in self._costs[name]]
            for title, (over, under, at_least) in MODEL_RATIOS.items():
                samples = [one[over] / one[under] for one in costs]
                beside = {"ms an image": median(one[over] for one in costs)}
                beside["the other's"] = median(one[under] for one in costs)
                full_name = f"{name}: {title}"
                records.append(
                    Record(
                        "Gradient",
                        full_name,
                        "times the CPU",
                        samples,
                        at_least=at_least,
                        beside=beside,
                    )
                )
        return records

    def _starts(self) -> list[Record]:
        records = []
        helps = [f"{HELP} {number}" for number in range(_HELPS_A_ROUND)]
        if self._whole(*helps):
            costs = [cost for name in helps for cost in self._costs[name]]
            samples = [1e3 * cost.wall for cost in costs]
            beside = {"CPU ms": median(1e3 * cost.cpu for cost in costs)}
            records.append(Record("Help", HELP, "wall ms", samples, HELP_AT_MOST_MS, beside=beside))
        if self._whole(FIXED, FIXED_FLOOR):
            samples = [1e3 * cost.cpu for cost in self._costs[FIXED]]
            beside = {"the floor's": median(1e3 * c.cpu for c in self._costs[FIXED_FLOOR])}
            most = 1e3 * FIXED_AT_MOST_SECONDS
            records.append(Record("Fixed cost", FIXED, "CPU ms", samples, most, beside=beside))
        return records

    def _memories(self) -> list[Record]:
        records = []
        for row in self._rows.memory:
            name = memory_name(row)
            _say(name)
            folder = self._fresh()
            command = self._into(folder / "out", self._row(row))
            try:
                parent, *workers = watch(command, folder, self._environment)
            except Failed as error:
                self._leave_out(name, error)
                continue
            finally:
                shutil.rmtree(folder)
            numbered = {f"worker {i}": memory for i, memory in enumerate(workers, 1)}
            working = workers[0].seconds[0]  # before, the parent imports
            for process, memory in {"parent": parent, **numbered}.items():
                first, last = memory.thirds(max(working, memory.seconds[0]))
                records.append(
                    Record(
                        "Memory",
                        f"{name}: {process}",
                        "last third over first",
                        [last / first],
                        MEMORY_GROWTH_AT_MOST,
                        beside={"first third, MiB": first / _MIB, "last third, MiB": last / _MIB},
                    )
                )
        return records

    def _scale(self) -> list[Record]:
        records, images = [], self._folders["small"]
        for name, measure, how_many in (
            (SCALE, measure_scale, self._many),
            (GROWTH, measure_growth, self._rounds),
        ):
            if name not in self._rows.scale:
                continue
            folder = self._fresh()
            try:
                records += measure(images, how_many, folder, self._environment, _say)
            except Failed as error:
                self._leave_out(name, error)
            finally:
                shutil.rmtree(folder)
        return records

    def _into(self, out: Path, command: list[str]) -> list[str]:
        """The command with its OUT and CACHE put in."""
        places = {"OUT": str(out), "CACHE": str(self._work / "cache")}
        return [places.get(word, word) for word in command]

    def _leave_out(self, name: str, error: Failed) -> None:
        self.left_out[name] = str(error)
        self.failed = True


def _say(text: str) -> None:
    """Progress, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
