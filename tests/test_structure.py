"""What holds of the package as a whole: imports run downwards, files and functions stay short, and
what other modules call says what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "augcli"
# Modules outside of these folders are below all of them.
FOLDERS = [
    *("arrays", "metrics", "image", "data", "manifest", "operations", "autodiff", "classifier"),
    *("saliency", "recipes", "pipeline", "store", "engine", "tasks", "api", "cli"),
]
LONGEST = 400
# Lines of code, without the docstring, comments and blank lines.
LONGEST_FUNCTION = 75
# What is longer for now.
LONG_FUNCTIONS: set[str] = set()
TESTS = Path(__file__).parent

MODULES = {
    ".".join(("augcli", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in PACKAGE.rglob("*.py")
}


def imports(module: str) -> set[str]:
    """The modules of the package that a module imports anywhere, also for types alone."""
    several: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            several |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            several |= {name if name in MODULES else node.module for name in names}
    return several & MODULES.keys() - {"augcli"}


def level(module: str) -> int:
    """How high a module stands: its folder's place, 0 where it lies in none."""
    folder = module.split(".")[1] if "." in module else ""
    return FOLDERS.index(folder) + 1 if folder in FOLDERS else 0


# They stand above all others: the public names, and the start of the program.
DOORS = {"augcli", "augcli.__main__"}


def test_imports_run_downwards() -> None:
    upwards = [
        f"{module} imports {name}"
        for module in sorted(MODULES.keys() - DOORS)
        for name in sorted(imports(module))
        if level(name) > level(module)
    ]
    assert upwards == []


def test_imports_form_no_circle() -> None:
    order = list(TopologicalSorter({name: imports(name) for name in MODULES}).static_order())
    assert set(order) == set(MODULES)


def test_every_folder_has_its_place() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/*.py")} == set(FOLDERS)


def test_files_are_short() -> None:
    paths = [*MODULES.values(), *TESTS.rglob("*.py")]
    lines = {path: len(path.read_text().splitlines()) for path in paths}
    assert {path.name: count for path, count in lines.items() if count > LONGEST} == {}


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    """Every function of the package, with its module."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function):
                yield module, node


def statements(function: Function) -> list[ast.stmt]:
    """The statements of a function, without its docstring."""
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def test_functions_are_short() -> None:
    long = set()
    for module, function in functions():
        if body := statements(function):
            lines = (
                MODULES[module].read_text().splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
            )
            code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
            if len(code) > LONGEST_FUNCTION:
                long.add(f"{module}.{function.name}")
    assert long == LONG_FUNCTIONS


def test_public_functions_and_classes_say_what_they_do() -> None:
    """But for one-liners, and for rules that are registered under the name of an operator."""
    silent = []
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text())
        if tree.body and ast.get_docstring(tree) is None:
            silent.append(module)
        for node in tree.body:
            if isinstance(node, Function | ast.ClassDef) and ast.get_docstring(node) is None:
                is_short = isinstance(node, Function) and len(node.body) == 1
                if not (is_short or node.name.startswith("_") or registers(node)):
                    silent.append(f"{module}.{node.name}")
    assert silent == []


def registers(node: Function | ast.ClassDef) -> bool:
    """Whether decorators put it into the table of an operator."""
    names = {ast.unparse(one).partition("(")[0] for one in node.decorator_list}
    return bool(names & {"vjp", "rewrite_of"})


def test_functions_pass_no_bundle_on() -> None:
    """No function is only a call with four or more of its own arguments, unchanged."""
    passing = [
        f"{module}.{function.name}"
        for module, function in functions()
        if len(body := statements(function)) == 1
        and isinstance(body[0], ast.Return | ast.Expr)
        and isinstance(body[0].value, ast.Call)
        and len(passed_on(function, body[0].value)) >= 4
    ]
    assert sorted(passing) == PASSING


# They add what they are called for: a layout, the kind of a choice, an order.
PASSING = [
    "augcli.autodiff.rewrites.quantised.dequantize_linear",
    "augcli.autodiff.rules.indexing.gathered_elements",
    "augcli.cli.help._wrap",
    "augcli.image.lettering.wrap",
    "augcli.metrics.calibration.rms_calibration_error",
    "augcli.pipeline.keep.cut",
    "augcli.pipeline.keep.paste",
]


def passed_on(function: Function, call: ast.Call) -> set[str]:
    """The arguments of a function that a call in it has as they are."""
    own = {one.arg for one in [*function.args.args, *function.args.kwonlyargs]} - {"self", "cls"}
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {one.id for one in values if isinstance(one, ast.Name)} & own
