"""The worked examples of CONTRIBUTING.md: each is added to a copy of the package, and run.

What an example adds stands on the page, in `tests/helpers`, or here.
"""

from __future__ import annotations

import base64
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HELPERS = ROOT / "tests" / "helpers"
SAMPLE = ROOT / "sample_data"

GAMMA = '''

def gamma(image: Pixels, exponent: float) -> Pixels:
    """(v / 255) ** exponent for every value v of (H, W, 3) `image`, as a share of 255."""
    table = 255 * (np.arange(256) / 255) ** exponent
    return look_up(image, np.rint(table).astype(np.uint8))
'''
RULE = '''

@vjp("CenterCropPad")
def cropped_or_padded(
    g: Value, y: Value, x: Value, target: Value, *, axes: Sequence[int] | None = None
) -> Value:
    """What was cut off is zero, what was added is cut off again."""
    for axis in range(len(x.dims)) if axes is None else axes:
        if x.dims[axis] != y.dims[axis]:
            size = fixed(x.dims[axis], "a crop of the batch")
            more = size - fixed(y.dims[axis], "a crop of the batch")
            before = more // 2 if more > 0 else -(-more // 2)
            g = pad_axis(g, axis, before, more - before)
    return g
'''
# The example of the page, and one that crops by an odd number and pads by an even one.
CHECK_RULE = """
import numpy as np
from tests.helpers.finite_differences import assert_gradient
from tests.helpers.gradient_cases import case
for shape, target in (((5, 6), [3, 8]), ((6, 5), [3, 9])):
    example = case("CenterCropPad", shape, np.array(target), axes=[1, 2], opset=18)
    model, x, reference = example.values
    assert_gradient(model, x, reference=reference)
print("equal")
"""
CHECK_SINK = """
import sys
from pathlib import Path
from tests.helpers.runs import generate, run_over, with_options
source, out = map(Path, sys.argv[1:])
run = with_options(run_over(source, out), sink="zips")
generate(run, source={"source": str(source)})
"""


def section_of(title: str) -> str:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str) -> list[str]:
    """The blocks of code in a section of the page."""
    found = re.findall(r"(?m)(?:^(?: {4}.*)?\n)+", section_of(title))
    return [textwrap.dedent(block).strip("\n") for block in found if block.strip()]


class Package:
    """A copy of the package, to which something is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "augcli", folder / "augcli", ignore=ignored)

    def write(self, name: str, text: str) -> None:
        """A file that is not there yet."""
        assert not (self.folder / name).exists()
        (self.folder / name).write_text(text)

    def append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(text)

    def insert(self, name: str, line: str, before: str) -> None:
        """A line, before the only one that begins with `before`."""
        text = (self.folder / name).read_text()
        assert text.count(f"\n{before}") == 1
        (self.folder / name).write_text(text.replace(f"\n{before}", f"\n{line}\n{before}"))

    def assert_names_changes(self, title: str, names: dict[str, str] | None = None) -> None:
        """A section of the page names every file of the package that is changed or new; `names` are
        those of examples for which the page has a general name."""
        files = [path for path in (self.folder / "augcli").rglob("*.*") if path.suffix != ".pyc"]
        changed = {
            name
            for path in files
            if path.is_file()
            for name in [path.relative_to(self.folder).as_posix()]
            if not (ROOT / name).is_file() or not filecmp.cmp(ROOT / name, path, shallow=False)
        }
        page = set(re.findall(r"`(augcli/[\w./]+\.py)`", section_of(title)))
        assert changed, "nothing was added"
        assert changed <= {(names or {}).get(name, name) for name in page}

    def run(self, *arguments: object, code: str | None = None) -> str:
        """What a command prints, or some Python, with this copy."""
        start = ["-m", "augcli"] if code is None else ["-c", code]
        result = subprocess.run(
            [sys.executable, *start, *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(self.folder), str(ROOT)))},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)


def test_a_recipe(package: Package) -> None:
    shutil.copy(HELPERS / "verticalmix.py", package.folder / "augcli/recipes/verticalmix.py")
    entry = 'Entry("verticalmix:VerticalMix", "its lower rows are a partner\'s", "by pasted area",'
    line = f'        "verticalmix": {entry} ("alpha",)),'
    package.insert("augcli/recipes/index.py", line, '        "fmix": ')
    package.assert_names_changes("Add a recipe")
    assert "Vertical Concat (Summers & Dinneen" in package.run("recipes", "verticalmix")
    out = package.folder / "out"
    package.run("generate", SAMPLE, out, "-r", "verticalmix", "-j", 1, "-q", "--limit", 6)
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").read_text().splitlines()]
    assert [set(json.loads(row["params"])) for row in rows] == [{"box"}] * 6
    package.run("verify", out, "--replay")


def test_an_operation(package: Package) -> None:
    package.append("augcli/operations/tone.py", GAMMA)
    line = '    "Gamma": Entry(tone.gamma),'
    package.insert("augcli/operations/table.py", line, '    "Posterize": ')
    package.assert_names_changes("Add an operation")
    printed = package.run(
        code="import numpy as np\n"
        "from augcli.operations.table import operate\n"
        "from augcli.recipes.chain import Operation\n"
        "image = np.array([[[0, 64, 255]]], np.uint8)\n"
        "print(operate(image, 'Gamma', 2.0).tolist(), image.tolist(), Operation('Gamma', 1.2)[:2])"
    )
    assert printed == "[[[0, 16, 255]]] [[[0, 64, 255]]] ('Gamma', 1.2)\n"


def test_an_operator_rule(package: Package) -> None:
    package.append("augcli/autodiff/rules/shape.py", RULE)
    package.assert_names_changes("Add an operator rule")
    (example,) = re.findall(
        r"`(case\(\"CenterCropPad\".*?\))` in", section_of("Add an operator rule")
    )
    assert example == 'case("CenterCropPad", (5, 6), np.array([3, 8]), axes=[1, 2], opset=18)'
    assert package.run(code=CHECK_RULE) == "equal\n"


@pytest.mark.slow
def test_a_reader(package: Package) -> None:
    reader = (HELPERS / "lst_reader.py").read_text()
    package.write("augcli/data/readers/lst.py", reader)
    source = "augcli/data/source.py"
    package.insert(source, "    lst,", "    metadata,")
    package.insert(source, '    "lst": lst,', '    "metadata": ')
    names = {"augcli/data/readers/NAME.py": "augcli/data/readers/lst.py"}
    package.assert_names_changes("Add a reader", names)
    images = [path for one in sorted(SAMPLE.iterdir()) for path in sorted(one.glob("*.jpg"))[:2]]
    lines = (
        f"{path.parent.name}/{path.name}\t{base64.b64encode(path.read_bytes()).decode()}\n"
        for path in images
    )
    package.write("photos.lst", "".join(lines))
    out = package.folder / "out"
    package.run("generate", "photos.lst", out, "-r", "flip", "-j", 1, "-q")
    package.run("verify", out, "--replay")
    folder = package.folder / "folder"
    for path in images:
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.parent.name)
    package.run("generate", folder, package.folder / "same", "-r", "flip", "-j", 1, "-q")
    read, same = (sorted(one.rglob("train/*/*.jpg")) for one in (out, package.folder / "same"))
    assert [path.read_bytes() for path in read] == [path.read_bytes() for path in same]
    assert len(read) == len(images)


def test_a_sink(package: Package) -> None:
    package.write("augcli/store/sinks/zips.py", (HELPERS / "zip_sink.py").read_text())
    table = "augcli/store/sinks/table.py"
    package.insert(table, "from augcli.store.sinks import zips", "from augcli.store.sinks.sink ")
    package.insert(table, '    "zips": zips,', "    OutputFormat.folder: ")
    package.assert_names_changes("Add a sink")
    out = package.folder / "out"
    package.run(SAMPLE, out, code=CHECK_SINK)
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").read_text().splitlines()]
    archives = {path.name for path in (out / "train").glob("*.zip")}
    assert {row["file_name"].split("/")[0] for row in rows} == archives
    assert len(rows) == 30


def test_a_command(package: Package) -> None:
    module, entry = blocks("Add a command")
    package.write("augcli/cli/classes.py", module + "\n")
    package.insert("augcli/cli/commands.py", entry, '    "recipes": ')
    package.assert_names_changes("Add a command")
    names = ["cat", "coffee", "flower", "rocket", "temple"]
    assert sorted(package.run("classes", SAMPLE).split()) == names
    assert sorted(json.loads(package.run("classes", SAMPLE, "--json"))["classes"]) == names
    assert "Print the names of the classes in SOURCE" in package.run("classes", "--help")


def test_files_that_the_page_names_are_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    new = {"augcli/recipes/verticalmix.py", "tests/recipes/test_verticalmix.py",
           "augcli/data/readers/NAME.py", "augcli/store/sinks/zips.py", "augcli/cli/classes.py",
           "tests/cli/test_classes.py"}  # fmt: skip
    named = set(re.findall(r"`((?:augcli|tests)/[\w./]+\.py)`", page))
    assert {name for name in named if not (ROOT / name).is_file()} == new
