"""What is said of a SOURCE that is near to one: a level too low, a set with boxes, a list."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo

ROOT = Path(__file__).resolve().parents[2]
OR = "pipe in a list of paths, or give --unlabelled to use images without labels."
COCO = '{"images": [], "annotations": [], "categories": []}'
REMEDY = (
    "for classification, export it with a folder for each class, or cut the objects out of their"
    " images into such folders."
)
BOXES = f"with boxes and not one class for each image: {REMEDY}"


def fill(root: Path, files: dict[str, str]) -> None:
    """Files below a folder; images are empty, as none is opened."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def refusal(source: Path | str) -> str:
    with pytest.raises(UserError) as raised:
        list_source(Path(source))
    return str(raised.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, which has no folders of other tests beside it."""
    folder = tmp_path / "alone" / "work"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("files", "source", "sentence"),
    [
        (
            ["p/cat/1.jpg", "p/dog/2.jpg", "p/owl/3.jpg"], "p/cat",
            "holds 1 image file but no class folders, and so do dog and owl beside it; if these are"
            " classes, give `p`, which holds them.",
        ),
        (
            ["cat/1.jpg", "cat/2.jpg", "dog/2.jpg"], "cat",
            "holds 2 image files but no class folders, and so does dog beside it; if these are"
            " classes, give `.`, which holds them.",
        ),
        (
            ["p/cat/1.jpg", *(f"p/{n}/1.jpg" for n in "abcdef")], "p/cat",
            "holds 1 image file but no class folders, and so do a, b, c and 3 more beside it; if"
            " these are classes, give `p`, which holds them.",
        ),
        (
            ["cat/1.jpg", "notes/n.txt"], "cat",
            f"holds 1 image file but no class folders; move them to a folder a class, {OR}",
        ),
        (
            ["p/train/1.jpg", "p/test/1.jpg"], "p/train",
            f"holds 1 image file but no class folders; move them to a folder a class, {OR}",
        ),
    ],
)  # fmt: skip
def test_a_level_too_low(here: Path, files: list[str], source: str, sentence: str) -> None:
    fill(here, dict.fromkeys(files, "x"))
    assert refusal(source) == f"SOURCE {source} {sentence}"


def test_the_working_folder_may_be_a_level_too_low(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(here, {"cat/1.jpg": "x", "dog/1.jpg": "x"})
    monkeypatch.chdir(here / "cat")
    assert refusal(".").endswith("if these are classes, give `..`, which holds them.")


KAGGLE = {"k/train/0.jpg": "x", "k/train/1.jpg": "x", "k/test/7.jpg": "x",
          "k/sample_submission.csv": "id,breed\n7,cat\n"}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "source", "words"),
    [
        (KAGGLE | {"k/train.csv": "id,breed,age\n0,cat,1\n1,cat,2\n"}, "k/train",
         "`k/train.csv --images k/train --label-column breed`"),
        (KAGGLE | {"k/train.csv": "id,breed\n0,cat\n1,dog\n"}, "k/train",
         "`k/train.csv --images k/train`"),
        (KAGGLE | {"k/labels.csv": "number,breed\n0,cat\n1,cat\n"}, "k/train",
         "`k/labels.csv --images k/train --path-column number`"),
        (KAGGLE | {"k/labels.csv": "Id,a,b\n0.jpg,1,2\n1.jpg,3,4\n"}, "k/train",
         "`k/labels.csv --images k/train --label-column COLUMN` (COLUMN is one of a or b)"),
        (KAGGLE | {"k/train.csv": "path,label\ntrain/0.jpg,cat\n"}, "k/train", "`k/train.csv`"),
        (KAGGLE | {"k/train/0.png": "", "k/train.csv": "id,label\n0,cat\n"}, "k/train",
         "`k/train.csv --images k/train --suffix .jpg`"),
        ({"m/1.jpg": "", "m/labels.csv": "image,label\n1.jpg,cat\n"}, "m", "`m/labels.csv`"),
        ({"m/1.jpg": "", "m/my labels.tsv": "image\tlabel\n1.jpg\tcat\n"}, "m",
         "`'m/my labels.tsv'`"),
        ({"m/1.jpg": "", "m/l.jsonl": '{"file": "1.jpg", "k": "cat", "n": 3}\n'}, "m",
         "`m/l.jsonl --label-column k`"),
    ],
)  # fmt: skip
def test_images_beside_a_table(here: Path, files: dict[str, str], source: str, words: str) -> None:
    fill(here, files)
    assert refusal(source).endswith(
        f" but no class folders; give the table that names them: {words}."
    )


def test_the_words_for_a_table_are_those_that_read_it(augcli: Augcli, here: Path) -> None:
    fill(here, KAGGLE | {"k/train.csv": "nr,breed,age\n0,cat,1\n1,cat,2\n"})
    words = "k/train.csv --images k/train --path-column nr --label-column breed"
    assert refusal("k/train").endswith(f"give the table that names them: `{words}`.")
    assert refusal("k").endswith(f" in no folders of classes; give the table: `{words}`.")
    assert augcli("inspect", *words.split(), cwd=here).returncode == 0


def test_a_table_of_other_images_is_not_named(here: Path) -> None:
    fill(here, {"m/1.jpg": "", "m/labels.csv": "image,label\n9.jpg,cat\n"})
    assert refusal("m").endswith(f"move them to a folder a class, {OR}")


YOLO = {"images/train/1.jpg": "", "images/val/2.jpg": "", "labels/train/1.txt": "0 1 1 1 1",
        "labels/val/2.txt": ""}  # fmt: skip
FLAT = {"images/1.jpg": "", "labels/1.txt": "0 1 1 1 1"}
VOC = {"JPEGImages/1.jpg": "", "Annotations/1.xml": "<annotation/>", "ImageSets/Main/a.txt": ""}
OF_COCO = {"train2017/1.jpg": "", "val2017/2.jpg": "", "annotations/instances_train2017.json": COCO}
IS_YOLO = f"a detection set as YOLO has it (images and labels), {BOXES}"
IS_VOC = f"a detection set as Pascal VOC has it (Annotations and JPEGImages), {BOXES}"
IS_COCO = f"a detection set as COCO has it (a folder annotations of JSON), {BOXES}"
LOW = "holds 1 image file but no class folders, and lies in"


@pytest.mark.parametrize(
    ("files", "source", "sentence"),
    [
        (YOLO, "", f"holds {IS_YOLO}"),
        (YOLO, "images", f"holds splits (train, val) of {IS_YOLO}"),
        (YOLO, "images/train", f"{LOW} {IS_YOLO}"),
        (FLAT, "", f"holds {IS_YOLO}"),
        (FLAT, "images", f"{LOW} {IS_YOLO}"),
        (VOC, "", f"holds {IS_VOC}"),
        (VOC, "JPEGImages", f"{LOW} {IS_VOC}"),
        ({f"VOC2012/{name}": text for name, text in VOC.items()}, "",
         f"holds {IS_VOC}".replace("image: ", "image in VOC2012: ")),
        (OF_COCO, "", f"holds {IS_COCO}"),
        (OF_COCO, "train2017", f"{LOW} {IS_COCO}"),
        ({"images/1.jpg": "", "instances.json": "{}", "my_coco.json": COCO}, "",
         f"holds a detection set as COCO has it (my_coco.json), {BOXES}"),
        ({"1.jpg": "", "_annotations.coco.json": COCO}, "",
         f"holds a detection set as COCO has it (_annotations.coco.json), {BOXES}"),
        ({"images/1.jpg": "", "masks/1.png": ""}, "",
         f"holds a segmentation set (images and masks), with masks and no classes: {REMEDY}"),
    ],
)  # fmt: skip
def test_sets_with_boxes(here: Path, files: dict[str, str], source: str, sentence: str) -> None:
    fill(here / "d", files)
    place = Path("d") / source
    assert refusal(place) == f"SOURCE {place} {sentence}"


@pytest.mark.parametrize(
    "files",
    [
        {"images/1.jpg": "", "labels/2.jpg": ""},
        {"cat/1.jpg": "", "dog/2.jpg": "", "annotations.json": COCO},
        {"images/cat/1.jpg": "", "images/dog/1.jpg": "", "coco.json": COCO},
        {"masks/1.jpg": "", "gloves/1.jpg": ""},
    ],
)
def test_classes_with_such_names_are_read(here: Path, files: dict[str, str]) -> None:
    fill(here / "d", files)
    assert len(list_source(Path("d"))) > 0


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("list.txt", "p/cat/1.jpg\np/dog/2.jpg\n",
         "is a list of paths, which goes to standard input: give it as in"
         " `augcli ... - < list.txt`."),
        ("my list.lst", "\n/p/cat/1.jpg\n",
         "is a list of paths, which goes to standard input: give it as in"
         " `augcli ... - < 'my list.lst'`."),
        ("val.txt", "1.jpg 65\n2.jpg 970\n",
         "is a list with more than paths in a line, as 1.jpg 65; write it as a .csv table, with"
         " `path,label` as the first line and commas between."),
        ("a.lst", "0\t1.0\ta/1.jpg\n",
         "is a list with more than paths in a line, as 0\\t1.0\\ta/1.jpg; write it as a .csv table,"
         " with `path,label` as the first line and commas between."),
        ("notes.txt", "hello\n",
         "is a text and no list of images; give a folder with one folder a class, or pipe a list of"
         " paths into SOURCE -."),
        ("instances.json", COCO,
         "is a list of annotations, as COCO has them, with boxes or several labels an image; for"
         " classification, write a .csv table with a path and one label for each image."),
        ("a.json", '[{"a": 1}]',
         "is JSON; write one object a line, with a path and a label, to a .jsonl file."),
        ("a.xyz", "?",
         "is a file of a kind that augcli does not read; give a folder with one folder a class, an"
         " archive (.zip, .tar) or a table (.csv, .jsonl)."),
        ("p/cat.jpg", "x",
         "is a single image; put it into a folder of its class, and give the folder of that."),
    ],
)  # fmt: skip
def test_a_single_file(here: Path, name: str, text: str, sentence: str) -> None:
    fill(here, {name: text})
    assert refusal(name) == f"SOURCE {name} {sentence}"


def test_a_single_image_of_a_class(here: Path) -> None:
    fill(here, {"p/cat/1.jpg": "x", "p/dog/1.jpg": "x"})
    assert refusal("p/cat/1.jpg") == (
        "SOURCE p/cat/1.jpg is a single image; give `p`, which holds the folders of the classes."
    )


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("phtos", " (did you mean photos?)."),
        ("Photos", " (did you mean photos?)."),
        ("photos/caat", " (did you mean photos/cat?)."),
        ("phtos/cat", " (did you mean photos/cat?)."),
        ("photos\\cat", " (did you mean photos/cat?)."),
        ("~/photos", ": only a shell expands ~, outside quotes; write the whole path."),
        ("$HOME/photos", ": only a shell expands $HOME, and not inside single quotes; write the"
         " whole path."),
        ("${DATA}/photos", ": only a shell expands ${DATA}, and not inside single quotes; write the"
         " whole path."),
        ("%USERPROFILE%/p", ": only a shell expands %USERPROFILE%, and not inside single quotes;"
         " write the whole path."),
        ("dead", ": it is a link to nowhere, which is not there; fix the link."),
        ("photos/*", ": it is a pattern that names 2 files and folders, and only archives are read"
         " so; give `photos`, the folder itself."),
        ("zzz*", ": it is a pattern that names nothing; give a folder with one folder a class."),
        ("xyz/q", ", as there is no xyz; give a folder with one folder a class."),
        ("qqq", "; give a folder with one folder a class."),
    ],
)  # fmt: skip
def test_a_source_that_is_not_there(here: Path, source: str, sentence: str) -> None:
    fill(here, {"photos/cat/1.jpg": "x", "photos/dog/1.jpg": "x"})
    (here / "dead").symlink_to("nowhere")
    assert refusal(source) == f"SOURCE {source} does not exist{sentence}"


def test_a_source_without_permission(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(here, {"p/cat/1.jpg": "x"})

    def closed(folder: object) -> object:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", closed)
    assert refusal("p") == (
        "SOURCE p cannot be read: no permission; have its owner give you the right to read it."
    )


COMMANDS = {
    "generate": ("generate", "SOURCE", "out", "-r", "flip"),
    "preview": ("preview", "SOURCE", "-r", "flip"),
    "inspect": ("inspect", "SOURCE"),
    "saliency": ("saliency", "SOURCE", "maps", "--saliency", "spectral-residual"),
    "fit-head": ("model", "fit-head", ROOT / "sample_data/classifier.onnx", "SOURCE", "--at",
                 "relu2", "-o", "h.onnx"),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_so(augcli: Augcli, here: Path, command: str) -> None:
    write_photo(here / "photos/cat/1.jpg", 1, 20, 20)
    write_photo(here / "photos/dog/1.jpg", 2, 20, 20)
    words = ["photos/cat" if word == "SOURCE" else word for word in COMMANDS[command]]
    result = augcli(*words, cwd=here)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "augcli: SOURCE photos/cat holds 1 image file but no class folders, and so does dog beside"
        " it; if these are classes, give `photos`, which holds them.\n"
    )


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            ["train/1.jpg", "car/1.jpg", "bus/1.jpg"],
            "the folder train of SOURCE counts as a class, beside bus and car; if it is a split,"
            " leave it out with --classes-exclude train.",
        ),
        (
            ["train/1.jpg", "test/1.jpg", *(f"{name}/1.jpg" for name in "abcde")],
            "the folders test and train of SOURCE count as classes, beside a, b, c and 2 more; if"
            " they are splits, leave them out with --classes-exclude test --classes-exclude train.",
        ),
        (
            ["train set/x/1.jpg", "car/1.jpg"],
            "the folder train set of SOURCE counts as a class, beside car; if it is a split, leave"
            " it out with --classes-exclude 'train set'.",
        ),
    ],
)
def test_a_split_among_classes(here: Path, files: list[str], sentence: str) -> None:
    fill(here / "s", dict.fromkeys(files, "x"))
    assert list_source(Path("s")).warnings == (sentence,)
    with zipfile.ZipFile(here / "s.zip", "w") as archive:
        for file in files:
            archive.write(here / "s" / file, file)
    assert list_source(Path("s.zip")).warnings == (sentence,)
    splits = tuple(sentence.partition("--classes-exclude ")[2].strip(".'").split(
        " --classes-exclude "))  # fmt: skip
    options = SourceOptions(classes_exclude=splits)
    assert list_source(Path("s"), options).warnings == ()


def test_a_table_whose_usual_column_names_no_files(here: Path) -> None:
    fill(here, {"p/a.jpg": "", "p/b.jpg": "", "p/t.csv": "id,bild,art\n0,a.jpg,x\n1,b.jpg,y\n"})
    assert refusal("p/t.csv") == (
        "p/t.csv: the names in its column id, as 0, are no files in p, and those in bild are;"
        " give --path-column bild."
    )
