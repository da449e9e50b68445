"""What holds of the package as a whole: imports run downwards, and files stay short."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "augcli"
# Modules outside of these folders are below all of them.
FOLDERS = [
    *("arrays", "image", "data", "manifest", "operations", "autodiff", "classifier", "saliency"),
    *("recipes", "pipeline", "store", "engine", "tasks", "api", "cli"),
]
LONGEST = 400

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
    lines = {path: len(path.read_text().splitlines()) for path in MODULES.values()}
    assert {path.name: count for path, count in lines.items() if count > LONGEST} == {}
