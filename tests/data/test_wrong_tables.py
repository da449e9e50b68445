"""Tables whose paths and labels are not quite those of the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.data.source import list_source
from tests.conftest import Augcli, write_photo
from tests.data.test_wrong_source import fill, here, refusal

__all__ = ["here"]


def listed(name: str) -> tuple[list[bytes], tuple[str, ...]]:
    listing = list_source(Path(name))
    return [listing.relative_path(at) for at in range(len(listing))], listing.warnings


@pytest.mark.parametrize("name", ["t.csv", "metadata.csv"])
@pytest.mark.parametrize(
    ("paths", "read", "warning"),
    [
        ([" a/1.jpg", "a/2.jpg\t"], [b"a/1.jpg", b"a/2.jpg"],
         "2 paths with blanks around them read without, as the files are called."),
        (["a/1.jpg ", "a/2.jpg"], [b"a/1.jpg", b"a/2.jpg"],
         "1 path with blanks around it read without, as the files are called."),
        (["a\\1.jpg", "a/2.jpg"], [b"a/1.jpg", b"a/2.jpg"],
         "1 path with backslashes read with slashes, as the files lie."),
        (["a/1.jpg", "a/2.jpg"], [b"a/1.jpg", b"a/2.jpg"], ""),
        ([" b.jpg", "c\\d.jpg"], [b" b.jpg", b"c\\d.jpg"], ""),
    ],
)  # fmt: skip
def test_paths_are_read_as_the_files_are_called(
    here: Path, name: str, paths: list[str], read: list[bytes], warning: str
) -> None:
    fill(here, {"a/1.jpg": "", "a/2.jpg": "", " b.jpg": "", "b.jpg": "", "c/d.jpg": "",
                "c\\d.jpg": ""})  # fmt: skip
    rows = "".join(f"{path},x\n" for path in paths)
    (here / name).write_text(f"\ufefffile_name,label\n{rows}")
    assert listed(name) == (read, (f"{name}: {warning}",) if warning else ())


def test_blanks_around_a_path_of_no_file_are_refused(here: Path) -> None:
    fill(here, {"1.jpg": "", "t.csv": "path,label\n1.jpg,x\n 2.jpg,y\n"})
    assert refusal("t.csv") == (
        "t.csv, line 3: the path ' 2.jpg' has blanks around it, and is no file with or without"
        " them; fix it."
    )


def test_blanks_around_labels_are_counted(here: Path) -> None:
    fill(here, {"1.jpg": "", "2.jpg": "", "t.csv": "path,label\n1.jpg, x\n2.jpg,y \n"})
    listing = list_source(Path("t.csv"))
    assert listing.classes == ("x", "y")
    assert listing.warnings == ("t.csv: 2 labels with blanks around them read without.",)


SEVERAL = (
    "the label '{}' is taken as the name of one class; if it names several, give --multi-label"
    " --label-separator '{}'."
)
FRACTIONS = (
    "the labels are numbers with fractions, as {}, and each is taken as the name of a class; a"
    " weight for each class is read with --weights-column, and --label-column chooses another"
    " column."
)


@pytest.mark.parametrize("name", ["t.csv", "metadata.csv"])
@pytest.mark.parametrize(
    ("labels", "warning"),
    [
        (["cat|dog", "cat", "dog"], SEVERAL.format("cat|dog", "|")),
        (["cat;dog", "owl;cat"], SEVERAL.format("cat;dog", ";")),
        (['"cat,dog"', "cat"], SEVERAL.format("cat,dog", ",")),
        (["cat dog", "cat", "dog"], SEVERAL.format("cat dog", " ")),
        (["0.5", "0.25", "1"], FRACTIONS.format("0.25")),
        (["golden retriever", "labrador retriever"], ""),
        (["red apple", "green apple", "red car"], ""),
        (["salt|pepper", "cat"], ""),
        (["1.5 mm", "0.5"], ""),
        (["cat", "dog"], ""),
    ],
)
def test_labels_that_are_perhaps_no_names(
    here: Path, name: str, labels: list[str], warning: str
) -> None:
    rows = "".join(f"{at}.jpg,{label}\n" for at, label in enumerate(labels))
    fill(here, {f"{at}.jpg": "" for at in range(len(labels))})
    (here / name).write_text(f"file_name,label\n{rows}")
    assert listed(name)[1] == ((f"{name}: {warning}",) if warning else ())


@pytest.mark.parametrize("name", ["t.csv", "metadata.csv"])
@pytest.mark.parametrize("label", ["[0, 1]", "[cat, dog]", "['cat']", '{""cat"": 1}'])
def test_labels_that_are_lists_are_refused(here: Path, name: str, label: str) -> None:
    fill(here, {"1.jpg": "", name: f'file_name,label\n1.jpg,"{label}"\n'})
    shown = label.replace('""', '"')
    assert refusal(name) == (
        f"{name}: the label {shown} is a list, and no name of a class; a weight for each class is"
        " read with --weights-column, a list of classes with --multi-label."
    )


def test_declared_classes_are_not_doubted(here: Path) -> None:
    fill(here, {"1.jpg": "", "metadata.csv": "file_name,label\n1.jpg,cat\n",
                "classes.txt": "cat\ncat|dog\ndog\n"})  # fmt: skip
    assert list_source(Path("metadata.csv")).warnings == ()


@pytest.mark.parametrize(
    ("paths", "files", "sentence"),
    [
        (["CAT/1.JPG", "CAT/2.JPG"], ["t/cat/1.jpg"],
         "none of its images is there, as CAT/1.JPG in t, where cat/1.jpg is; write names as the"
         " files have them."),
        (["cat/1.jpg"], ["t/a/b/cat/1.jpg"],
         "its only image is not there, as cat/1.jpg in t; give --images HERE/t/a/b, where it is."),
        (["cat/1.jpg"], ["u/v/cat/1.jpg"],
         "its only image is not there, as cat/1.jpg in t; give --images HERE/u/v, where it is."),
        (["data/cat/1.jpg"], ["t/x/cat/1.jpg"],
         "its only image is not there, as data/cat/1.jpg in t, but cat/1.jpg is in HERE/t/x; fix"
         " the paths."),
        (["/nowhere/1.jpg", "/nowhere/2.jpg"], [],
         "none of its images is there, as /nowhere/1.jpg in the places that it names; write paths"
         " relative to the folder of the images."),
        (["cat\\1.jpg"], [],
         "its only image is not there, as cat\\x5c1.jpg in t; write / between folders."),
        (["1.jpg"], [],
         "its only image is not there, as 1.jpg in t; give the folder with --images."),
    ],
)  # fmt: skip
def test_images_that_are_all_missing(
    augcli: Augcli, here: Path, paths: list[str], files: list[str], sentence: str
) -> None:
    fill(here, dict.fromkeys(files, ""))
    rows = "".join(f"{path},x\n" for path in paths)
    fill(here, {"t/t.csv": f"path,label\n{rows}"})
    result = augcli("inspect", "t/t.csv", cwd=here)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"augcli: SOURCE t/t.csv: {sentence.replace('HERE', str(here))}\n"


def test_one_image_that_is_there_is_enough(augcli: Augcli, here: Path) -> None:
    write_photo(here / "2.jpg", 1, 20, 20)
    fill(here, {"t.csv": "path,label\n1.jpg,x\n2.jpg,x\n"})
    assert augcli("inspect", "t.csv", cwd=here).returncode == 0


def test_a_list_of_missing_images(augcli: Augcli, here: Path) -> None:
    result = augcli("inspect", "-", cwd=here, stdin=b"cat/1.jpg\n")
    assert result.stderr == (
        f"augcli: SOURCE -: its only image is not there, as cat/1.jpg in {here}; fix the paths.\n"
    )
    result = augcli("inspect", "-", cwd=here, stdin=b"cat\\1.jpg\n")
    assert result.stderr == (
        "augcli: The path cat\\x5c1.jpg on standard input has backslashes; write / between"
        " folders.\n"
    )
