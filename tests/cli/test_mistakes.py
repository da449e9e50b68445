"""Further mistakes of a first hour: what is empty, called otherwise, replaced, or of no use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Augcli, tree

FLIP = ("-r", "flip")


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """The working folder, with a source S, and B of which no image can be used."""
    place = tmp_path / "work"
    place.mkdir()
    photos.rename(place / "S")
    for name in ("a", "b"):
        (place / "B" / name).mkdir(parents=True)
        (place / "B" / name / "1.jpg").write_bytes(b"no image")
    return place


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("list",),
            "There is no command 'list'; `augcli recipes` lists the recipes, `augcli --help` the"
            " commands.",
        ),
        (
            ("augment", "S", "O"),
            "There is no command 'augment'; write `augcli generate SOURCE OUT --recipe NAME`.",
        ),
        (
            ("run",),
            "There is no command 'run'; write `augcli generate SOURCE OUT --recipe NAME`.",
        ),
        (
            ("recipes", "list"),
            "`augcli recipes list` is not needed; `augcli recipes` lists them.",
        ),
        (
            ("recipes", "flip", "mixup"),
            "`augcli recipes flip` takes no file and no second recipe; give one recipe, or a file"
            " behind `augcli recipes show`.",
        ),
        (
            ("generate", "S", "O", "-r", "all"),
            "There is no recipe 'all'; one run takes one recipe, or a --recipe-file of several;"
            " `augcli preview SOURCE --all-recipes` draws every one.",
        ),
    ],
)
def test_other_words(
    augcli: Augcli, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = augcli(*arguments, cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"augcli: {sentence}\n")


@pytest.mark.parametrize("name", ["COPIES", "SIZE", "KEEP", "SEED", "RECIPE"])
def test_an_empty_variable_is_refused_unless_something_nearer_holds(
    augcli: Augcli, folder: Path, name: str
) -> None:
    env = {"AUGCLI_RECIPE": "flip", "AUGCLI_OUT": "O", f"AUGCLI_{name}": ""}
    result = augcli("generate", "S", "--dry-run", cwd=folder, env=env)
    assert (result.returncode, result.stdout, result.stderr) == (
        2, "", f"augcli: AUGCLI_{name} is empty; is a variable unset?\n",
    )  # fmt: skip


def test_an_empty_variable_that_nothing_asks_for(augcli: Augcli, folder: Path) -> None:
    env = {"AUGCLI_COPIES": "", "AUGCLI_TO": "", "AUGCLI_COPY": ""}
    result = augcli("generate", "S", "O", *FLIP, "-k", 2, "--dry-run", cwd=folder, env=env)
    assert (result.returncode, result.stderr) == (
        0,
        "augcli: warning: the environment variable AUGCLI_COPY sets nothing.\n",
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('copies = ""', "copies '' is not a whole number; "),
        ('size = ""', "size is empty; "),
        ('keep = ""', "keep is empty; "),
        ('recipe = ""', "recipe is empty; "),
        ('set = { probability = "" }', "set = probability=: "),
    ],
)
def test_an_empty_value_in_a_file_is_refused(
    augcli: Augcli, folder: Path, line: str, said: str
) -> None:
    given = () if line.startswith("recipe") else FLIP
    if line.startswith("set"):
        line, given = f'recipe = "mixup"\n{line}', ()
    (folder / "augcli.toml").write_text(line)
    result = augcli("generate", "S", "O", *given, "--dry-run", cwd=folder)
    assert result.returncode == 2
    assert result.stderr.startswith("augcli: augcli.toml: ")
    assert said.split(" ")[0] in result.stderr


def test_options_of_another_recipe_are_not_dropped_without_a_word(
    augcli: Augcli, folder: Path
) -> None:
    (folder / "augcli.toml").write_text('recipe = "cutmix"\nset = { alpha = 0.4 }\n')
    result = augcli("generate", "S", "O", *FLIP, "--dry-run", cwd=folder)
    assert (result.returncode, result.stderr) == (
        0,
        "augcli: warning: augcli.toml: set is not used beside --recipe, which is nearer; give it"
        " there too if it is meant.\n",
    )
    assert augcli("generate", "S", "O", "--dry-run", cwd=folder).stderr == ""


def test_every_recipe_shows_the_probability_of_its_step(augcli: Augcli, folder: Path) -> None:
    every = json.loads(augcli("recipes", "--json", cwd=folder).stdout)
    for name, facts in every.items():
        own = [one for one in facts["options"] if one["name"] == "probability"]
        assert len(own) == 1, name
        assert own[0]["range"] == {"minimum": 0, "maximum": 1}
    page = augcli("recipes", "cutmix", cwd=folder).stdout
    assert "  probability: number, 0 to 1 (default: 1.0)\n" in page


def test_a_run_of_nothing_is_replaced_by_the_same_command(augcli: Augcli, folder: Path) -> None:
    for command in (("generate", "B", "O", *FLIP), ("saliency", "B", "M")):
        for _ in range(2):
            result = augcli(*command, cwd=folder)
            assert result.returncode == 1
            assert (
                "; look at SOURCE, and give the same command again, which replaces what it left."
                in result.stderr
            )
    good = next((folder / "S/ant").iterdir()).read_bytes()
    (folder / "B/a/1.jpg").write_bytes(good)
    for command in (("generate", "B", "O", *FLIP), ("saliency", "B", "M")):
        result = augcli(*command, "--max-errors", 1, cwd=folder)
        assert (result.returncode, result.stdout[:2]) == (0, "1 ")
        again = augcli(*command, "--max-errors", 1, cwd=folder)
        assert (again.returncode, "; choose another OUT" in again.stderr) == (2, True)
    assert augcli("verify", "O", cwd=folder).returncode == 0


def test_nothing_of_a_user_is_removed_with_a_run_of_nothing(augcli: Augcli, folder: Path) -> None:
    for place, command in (("O", ("generate", "B", "O", *FLIP)), ("M", ("saliency", "B", "M"))):
        assert augcli(*command, cwd=folder).returncode == 1
        inner = folder / place / ("train/mine" if place == "O" else "mine")
        inner.mkdir()
        (inner / "notes.txt").write_text("mine")
        before = tree(folder)
        assert augcli(*command, cwd=folder).returncode != 0
        after = tree(folder)
        assert after[str((inner / "notes.txt").relative_to(folder))]
        assert {k: v for k, v in before.items() if "mine" in k} == {
            k: v for k, v in after.items() if "mine" in k
        }


def test_a_dry_run_says_what_would_be_replaced(augcli: Augcli, folder: Path) -> None:
    assert augcli("generate", "S", "O", "-r", "mixup", cwd=folder).returncode == 0
    before = tree(folder)
    plan = ("generate", "S", "O", *FLIP, "--overwrite", "--dry-run")
    assert augcli(*plan, cwd=folder).stdout.endswith(
        "\n\nWould remove the run of 15 images with mixup from O. Would make 15 images in O/train"
        " with flip, from 15 images of 3 classes.\n"
    )
    actual = json.loads(augcli(*plan, "--json", cwd=folder).stdout)
    assert actual["replaces"] == {"recipe": "mixup", "outputs": 15}
    assert tree(folder) == before
    fresh = ("generate", "S", "P", *FLIP, "--dry-run", "--json")
    assert "replaces" not in json.loads(augcli(*fresh, cwd=folder).stdout)


def test_options_are_looked_at_first_then_source_then_out(augcli: Augcli, folder: Path) -> None:
    """Everything is wrong at first, and put right in the order in which it is reported."""
    (folder / "O").mkdir()
    (folder / "O/mine.txt").write_text("mine")
    expected = (
        "There is no recipe 'nope'",
        "--size",
        "--background",
        "SOURCE N does not",
        "OUT O is",
    )
    for number in range(len(expected)):
        options: list[str] = list(FLIP) if number else ["-r", "nope"]
        if number < 2:
            options += ["--size", "3xx"]
        if number < 3:
            options += ["--background", "x"]
        source = "N" if number < 4 else "S"
        result = augcli("generate", source, "O", *options, cwd=folder)
        assert result.returncode == 2
        assert result.stderr.startswith(f"augcli: {expected[number]}"), (number, result.stderr)


def test_verify_says_what_to_do_with_files_of_others(augcli: Augcli, folder: Path) -> None:
    assert augcli("generate", "S", "O", *FLIP, cwd=folder).returncode == 0
    (folder / "O/train/ant/notes.txt").write_text("mine")
    move = (
        "Files that no row names were not written by the run: move them out of O/train; --repair"
        " leaves them where they are."
    )
    assert augcli("verify", "O", cwd=folder).stdout.splitlines()[1:] == [
        "1 fault in 15 rows.",
        move,
    ]
    next((folder / "O/train/bee").iterdir()).unlink()
    assert augcli("verify", "O", cwd=folder).stdout.splitlines()[-2:] == [
        "`augcli verify O --repair` makes again what is missing or broken.",
        move,
    ]


def test_blanks_around_paths_of_a_list(augcli: Augcli, folder: Path) -> None:
    (folder / "S/ant/ ant.jpg ").write_bytes(next((folder / "S/ant").glob("*.jpg")).read_bytes())
    names = ["S/ant/ant 0.jpg", " S/bee/bee 0.jpg", "S/cow/cow 0.jpg ", "S/ant/ ant.jpg "]
    stdin = "\n".join(names).encode()
    result = augcli("generate", "-", "O", *FLIP, "--dry-run", cwd=folder, stdin=stdin)
    assert (result.returncode, result.stderr) == (
        0,
        "augcli: warning: 2 paths on standard input begin or end with white space, which counts as"
        " part of the name, and no such file is there (the first is ' S/bee/bee 0.jpg'); leave it"
        " out of the list.\n",
    )
    stdin = "\0".join(names).encode()
    assert augcli("generate", "-", "O", *FLIP, "--dry-run", cwd=folder, stdin=stdin).stderr == ""


@pytest.mark.parametrize(
    ("row", "what"), [(b"S/a.jpg,caf\xe9", "label caf\\xe9"), (b"S/\xe9.jpg,a", "path S/\\xe9.jpg")]
)
def test_a_table_in_latin_1_is_refused(augcli: Augcli, folder: Path, row: bytes, what: str) -> None:
    (folder / "t.csv").write_bytes(b"path,label\nS/b.jpg,\xc3\xa9\n" + row + b"\n")
    result = augcli("generate", "t.csv", "O", *FLIP, "--dry-run", cwd=folder)
    assert (result.returncode, result.stderr) == (
        2,
        f"augcli: t.csv, line 3: the {what} is not UTF-8; save the table in UTF-8 (files whose own"
        " names are not UTF-8 can be given as a list on standard input).\n",
    )
