"""Every command says what a folder is that it cannot use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import Augcli, tree, write_photo

UNFINISHED = "finish it by the same `augcli generate ...` with --resume."
REPLACED = (
    "holds what is left of a replaced run; finish that by the same `augcli generate ...` with"
    " --overwrite."
)
GIVE = "and is no run of augcli; give the OUT of `augcli generate`."


@pytest.fixture
def folders(augcli: Augcli, photos: Path, tmp_path: Path) -> Path:
    """A folder of each kind."""
    run, begun, replaced, maps, halfway = (
        tmp_path / name for name in ("run", "begun", "replaced", "maps", "halfway")
    )
    assert augcli("generate", photos, run, "-r", "flip").returncode == 0
    result = augcli("saliency", photos, maps, "--saliency", "spectral-residual")
    assert result.returncode == 0
    for copy in (begun, replaced):
        shutil.copytree(run, copy)
        for name in ("run.json", "errors.jsonl", "classes.txt"):
            (copy / name).unlink()
    (begun / "train").rename(begun / ".augcli/train")
    (replaced / ".augcli/identity.json").rename(replaced / ".augcli/removal.json")
    (replaced / "train/metadata.jsonl").rename(replaced / ".augcli/removal.jsonl")
    shutil.copytree(maps, halfway)
    (halfway / "maps.jsonl").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/notes.txt").write_text("mine")
    for number in range(2):
        write_photo(tmp_path / f"loose/{number}.jpg", number, 9, 9)
    return tmp_path


VERIFY = {
    "begun": f"holds a run that is not finished; {UNFINISHED}",
    "replaced": REPLACED,
    "maps": "holds saliency maps, and is no run of augcli; `augcli saliency ... --resume` checks"
    " them.",
    "halfway": "holds saliency maps that are not finished, and is no run of augcli; finish them by"
    " the same `augcli saliency ...` with --resume.",
    "empty": f"is empty, {GIVE}",
    "plain": f"holds notes.txt, {GIVE}",
    "loose": f"holds 2 images and no class folders, {GIVE}",
    "photos": f"holds images in 3 class folders, {GIVE}",
    "run/train": "holds images with a metadata.jsonl, and is no run of augcli; give {0}/run.",
}
SOURCE = {
    "begun": f"is the OUT of a run that is not finished; {UNFINISHED}",
    "replaced": REPLACED,
    "maps": "holds saliency maps, not images to work on; give the folder of the images.",
    "halfway": "holds saliency maps, not images to work on; give the folder of the images.",
    "empty": "is empty; give a folder with one folder a class.",
    "plain": "holds no images; give a folder with one folder a class.",
    "loose": "holds 2 image files but no class folders; move them to a folder a class, pipe in a"
    " list of paths, or give --unlabelled to use images without labels.",
}
HOLDS = {
    "run": "holds a run of augcli",
    "begun": "holds a run of augcli that is not finished",
    "replaced": "holds what is left of a replaced run",
    "maps": "holds saliency maps",
    "halfway": "holds saliency maps that are not finished",
    "plain": "holds notes.txt",
    "loose": "holds 2 images and no class folders",
    "run/train": "holds images with a metadata.jsonl",
}


def test_every_kind_of_folder_is_called_what_it_is(
    augcli: Augcli, folders: Path, photos: Path
) -> None:
    before = tree(folders)
    flip, find = ("-r", "flip"), ("--saliency", "spectral-residual")
    new = folders / "new"
    calls: list[tuple[tuple[object, ...], str]] = []
    for name, sentence in VERIFY.items():
        place = folders / name
        calls += [(("verify", place), f"OUT {place} {sentence.format(folders)}")]
    for name, sentence in SOURCE.items():
        place = folders / name
        calls += [(("generate", place, new, *flip), f"SOURCE {place} {sentence}")]
        if name in ("begun", "replaced", "maps"):
            calls += [
                (
                    ("preview", place, *flip, "--to", folders / "p.png"),
                    f"SOURCE {place} {sentence}",
                ),
                (("saliency", place, new, *find), f"SOURCE {place} {sentence}"),
            ]
    for name, holds in HOLDS.items():
        place = folders / name
        is_run, is_maps = name in ("run", "begun", "replaced"), name in ("maps", "halfway")
        empty = f"OUT {place} is not empty: it {holds}; choose an empty folder."
        if not is_run:
            remedy = "give an empty folder or its run's OUT."
            calls += [
                (("generate", photos, place, *flip), empty),
                (
                    ("generate", photos, place, *flip, "--resume"),
                    f"OUT {place} {holds}, and no run to resume; {remedy}",
                ),
                (
                    ("generate", photos, place, *flip, "--overwrite"),
                    f"OUT {place} {holds}, and no run; --overwrite only replaces runs.",
                ),
            ]
        if not is_maps:
            calls += [
                (("saliency", photos, place, *find), empty),
                (
                    ("saliency", photos, place, *find, "--resume"),
                    f"OUT {place} {holds}, and no saliency maps; --resume only goes on with these.",
                ),
            ]
    for arguments, sentence in calls:
        result = augcli(*arguments)
        assert (result.returncode, result.stdout, result.stderr) == (2, "", f"augcli: {sentence}\n")
    assert tree(folders) == before


def test_complete_maps_are_said_to_be_so(
    augcli_saliency: Run, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "maps"
    (photos / "ant/bad.jpg").write_bytes(b"no image")
    options = (photos, out, "--saliency", "spectral-residual", "--overlay")
    first = augcli_saliency(*options)
    assert (first.exit_code, "Already" in first.stdout) == (1, False)
    again = augcli_saliency(*options, "--resume")
    assert (again.exit_code, again.stdout) == (
        1,
        f"Already complete: 15 maps in {out}, listed in {out / 'maps.jsonl'}; 1 input skipped, see"
        f" {out / 'errors.jsonl'}.\n",
    )
    values = json.loads(augcli_saliency(*options, "--resume", "--json").stdout)
    assert (values["was_complete"], values["resumed"], values["maps"]) == (True, True, 15)
    picture = out / "bee/bee 1.jpg.overlay.jpg"
    picture.unlink()
    with pytest.raises(Exception, match=r"bee 1.jpg.overlay.jpg is missing; give --overwrite"):
        augcli_saliency(*options, "--resume")


def test_a_complete_run_says_what_it_skipped(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    """Else it ends with 1, and nobody knows why."""
    out = tmp_path / "out"
    (photos / "ant/bad.jpg").write_bytes(b"no image")
    assert augcli("generate", photos, out, "-r", "flip").returncode == 1
    result = augcli("generate", photos, out, "-r", "flip", "--resume")
    assert (result.returncode, result.stdout) == (
        1,
        f"Already complete: 15 images of 3 classes in {out / 'train'}; 1 input skipped, see"
        f" {out / 'errors.jsonl'}.\n",
    )
