"""Recipes of other packages: ten lines that work wherever a recipe of ours does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, write_photo

TEN_LINES = '''
from dataclasses import dataclass
import numpy as np
from pydantic import Field
from augcli.image.box import Box
from augcli.recipes.recipe import Recipe, paste

@dataclass(frozen=True)
class Params:
    box: Box

class VerticalMix(Recipe):
    """VerticalMix (Somebody, 2024, https://example.org/verticalmix)."""
    name = "verticalmix"
    sources = 2
    most: float = Field(0.5, ge=0, le=1, description="the largest share of rows")

    def draw(self, rng, sources) -> Params:
        height, width = sources[0].shape
        return Params(Box(height - int(height * self.most * rng.random()), 0, height, width))

    def apply(self, images, params):
        return paste(images[0], images[1], params.box)
'''

Run = Callable[..., subprocess.CompletedProcess[str]]


def install(site: Path, code: str, *points: str, package: str = "vertical-mix", version: str = "1.0"
            ) -> None:  # fmt: skip
    """What `pip install` leaves of a package with these entry points."""
    module = package.replace("-", "_")
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(code)
    for old in site.glob(f"{module}-*.dist-info"):
        shutil.rmtree(old)
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = "\n".join(points or [f"verticalmix = {module}:VerticalMix"])
    (info / "entry_points.txt").write_text(f"[augcli.recipes]\n{lines}\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    install(tmp_path / "site", TEN_LINES)
    return tmp_path / "site"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`augcli` in a Python that has the packages of the folder `site`."""
    (tmp_path / "cwd").mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AUGCLI_")}
    paths = os.pathsep.join([str(ROOT), str(tmp_path / "site")])

    def call(*words: object, code: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        start = ["-c", code] if code else ["-m", "augcli"]
        return subprocess.run(
            [sys.executable, *start, *map(str, words)], cwd=tmp_path / "cwd", text=True,
            env={**kept, "PYTHONPATH": paths, "COLUMNS": "100", **more},
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    return call


@pytest.fixture
def few(tmp_path: Path) -> Path:
    for number in range(8):
        write_photo(tmp_path / "few" / f"c{number % 2}" / f"{number}.png", number, 16, 20)
    return tmp_path / "few"


def ok(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def rows(out: Path) -> list[dict[str, object]]:
    lines = (out / "train" / "metadata.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_it_is_made_replayed_repaired_and_resumed(
    site: Path, run: Run, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("generate", few, out, "-r", "vertical-mix", "--format", "png", "--set", "most=0.9")
    ok(run(*words, "-j", 2))
    record = json.loads((out / "run.json").read_text())
    assert record["versions"]["vertical-mix"] == "1.0"
    assert record["recipe"]["steps"][0]["one_of"][0]["options"] == {"most": 0.9}
    first = rows(out)[0]
    top = json.loads(str(first["params"]))["box"][0]
    pixels = np.asarray(Image.open(out / "train" / str(first["file_name"])))
    target, partner = (np.asarray(Image.open(few / str(p))) for p in first["source_paths"])  # type: ignore[attr-defined]
    assert (pixels[:top] == target[:top]).all()
    assert (pixels[top:] == partner[top:]).all()
    assert json.loads(ok(run("verify", out, "--replay", "--json")))["replayed"] == 8
    (out / "train" / str(first["file_name"])).unlink()
    assert json.loads(ok(run("verify", out, "--repair", "--json")))["repaired"] == 1
    (out / "run.json").unlink()  # as of an interrupted run
    install(site, TEN_LINES, version="1.1")
    refused = run(*words, "--resume")
    assert refused.returncode == 2
    assert "vertical-mix 1.0 (now 1.1)" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.usefixtures("site")
def test_options_are_in_the_digest_also_at_their_defaults(run: Run) -> None:
    code = (
        "from augcli import load_recipe as l; a, b = l('verticalmix'), l('verticalmix', most=0.5);"
        " print(a.pipeline.digest() == b.pipeline.digest(),"
        " a.pipeline.digest() == l('verticalmix', most=0.4).pipeline.digest(),"
        " a.pipeline.describe()['steps'][0]['one_of'][0]['options'])"
    )
    assert ok(run(code=code)) == "True False {'most': 0.5}\n"


@pytest.mark.usefixtures("site")
def test_it_is_drawn_listed_shown_and_completed(run: Run, few: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    ok(run("preview", few, "-r", "verticalmix", "-n", 1, "--to", sheet))
    assert Image.open(sheet).size[0] > 100
    listing = ok(run("recipes"))
    assert "Package vertical-mix 1.0:\n  verticalmix" in listing
    facts = json.loads(ok(run("recipes", "verticalmix", "--json")))
    assert (facts["sources"], facts["group"]) == (2, "Package vertical-mix 1.0")
    assert facts["paper"]["link"] == "https://example.org/verticalmix"
    assert [option["name"] for option in facts["options"]] == ["most", "probability"]
    for typed, expected in (
        ("augcli generate a b --recipe vert", "verticalmix"),
        ("augcli generate a b --recipe verticalmix --set ", "most="),
    ):
        words = {"_AUGCLI_COMPLETE": "complete_bash", "COMP_WORDS": typed}
        cword = str(len(typed.split(" ")) - 1)
        assert expected in run(COMP_CWORD=cword, **words).stdout.split()


@pytest.mark.usefixtures("site")
def test_it_is_a_step_of_a_recipe_file_and_under_keep(run: Run, few: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(
        '[[steps]]\nrecipe = "flip"\n[[steps]]\nrecipe = "verticalmix"\nmost = 0.3\nkeep = true\n'
    )
    ok(run("generate", few, tmp_path / "out", "--recipe-file", file))
    assert json.loads(ok(run("verify", tmp_path / "out", "--replay", "--json")))["replayed"] == 8
    assert "verticalmix" in ok(run("recipes", "show", file))


@pytest.mark.usefixtures("site")
def test_fresh_interpreters_know_it(run: Run, few: Path, tmp_path: Path) -> None:
    code = (
        "import sys, threading, augcli\n"
        "t = threading.Thread(target=augcli.generate, args=(sys.argv[1], sys.argv[2],"
        " 'verticalmix'), kwargs={'workers': 2})\n"
        "t.start(); t.join()\n"
        "print(len(augcli.open_manifest(sys.argv[2])), bool(augcli.verify(sys.argv[2], 'all')))"
    )
    assert ok(run(few, tmp_path / "out", code=code)) == "8 True\n"


@pytest.mark.usefixtures("site")
def test_a_misspelled_name_is_near_it(run: Run) -> None:
    refused = run("recipes", "verticalmx")
    assert refused.returncode == 2
    assert "(did you mean 'verticalmix'?)" in refused.stderr


BROKEN = [
    ("raise ImportError('no such thing')", "verticalmix = vertical_mix:VerticalMix",
     "The recipe verticalmix of package vertical-mix 1.0 cannot be loaded (no such"
     " thing); fix or remove the package."),
    ("import sys; sys.exit(3)", "verticalmix = vertical_mix:VerticalMix",
     "The recipe verticalmix of package vertical-mix 1.0 cannot be loaded (it ends Python); fix or"
     " remove the package."),
    ("VerticalMix = 3", "verticalmix = vertical_mix:VerticalMix",
     "The recipe verticalmix of package vertical-mix 1.0 is no subclass of"
     " augcli.recipes.recipe.Recipe, but 3; fix or remove the package."),
    (TEN_LINES, "othermix = vertical_mix:VerticalMix",
     "The recipe othermix of package vertical-mix 1.0 is called 'verticalmix' by its class; fix or"
     " remove the package."),
    (TEN_LINES.replace("-> Params", ""), "verticalmix = vertical_mix:VerticalMix",
     "The recipe verticalmix of package vertical-mix 1.0 needs a default for each option, and a"
     " draw that is annotated with what it returns (annotate draw of VerticalMix with"
     " the Params that it returns); fix or remove the package."),
    (TEN_LINES.replace("sources = 2", "sources = 0"), "verticalmix = vertical_mix:VerticalMix",
     "The recipe verticalmix of package vertical-mix 1.0 has sources = 0; fix or remove the"
     " package."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "point", "sentence"), BROKEN, ids=[one[2][-60:] for one in BROKEN]
)
def test_a_broken_package_is_named(
    tmp_path: Path, run: Run, code: str, point: str, sentence: str
) -> None:
    install(tmp_path / "site", code, point)
    name = point.partition(" ")[0]
    refused = run("recipes", name)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert " ".join(refused.stderr.split()).endswith(sentence)
    listing = run("recipes", "--json")
    assert name not in json.loads(ok(listing))
    assert sentence in " ".join(listing.stderr.split())


CLASHES = [
    ("cutmix", "cutmix", "Package vertical-mix calls a recipe 'cutmix', which is augcli's own"
     " cutmix; rename its entry point in augcli.recipes, or remove the package."),
    ("mirror", "flip", "Package vertical-mix calls a recipe 'mirror', which is augcli's own flip;"
     " rename its entry point in augcli.recipes, or remove the package."),
    ("show", None, "Package vertical-mix calls a recipe 'show', which is no name for one (small"
     " letters, digits and underscores, and not show, list, ls or all); rename its entry point in"
     " augcli.recipes, or remove the package."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "refused", "sentence"), CLASHES, ids=[one[0] for one in CLASHES])
def test_a_name_that_is_taken(
    tmp_path: Path, run: Run, name: str, refused: str | None, sentence: str
) -> None:
    install(tmp_path / "site", TEN_LINES, f"{name} = vertical_mix:VerticalMix")
    assert sentence in " ".join(run("recipes").stderr.split())
    if refused is not None:
        result = run("generate", ROOT / "sample_data", tmp_path / "out", "-r", name)
        assert result.returncode == 2
        assert sentence in " ".join(result.stderr.split())
    assert "mixup" in ok(run("recipes", "mixup"))


def test_two_packages_with_one_name(site: Path, run: Run) -> None:
    install(site, TEN_LINES, "verticalmix = other_mix:VerticalMix", package="other-mix")
    refused = run("recipes", "verticalmix")
    assert refused.returncode == 2
    assert " ".join(refused.stderr.split()).endswith(
        "The packages other-mix and vertical-mix both have a recipe 'verticalmix'; remove one of"
        " them."
    )


def test_a_run_whose_package_is_gone(site: Path, run: Run, few: Path, tmp_path: Path) -> None:
    ok(run("generate", few, tmp_path / "out", "-r", "verticalmix"))
    shutil.rmtree(site)
    assert ok(run("verify", tmp_path / "out", "--json"))
    refused = run("verify", tmp_path / "out", "--replay")
    assert refused.returncode == 2
    assert "There is no recipe 'verticalmix'" in " ".join(refused.stderr.split())
