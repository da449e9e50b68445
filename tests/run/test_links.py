"""Links below OUT: nothing is written, removed or repaired through one."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.errors import UserError
from augcli.run.links import refuse_links

FOLDERS = [
    "train", "train/ant", ".augcli", ".augcli/train", ".augcli/train/ant", ".augcli/parts",
    ".augcli/repair", ".augcli/repair/train", ".augcli/repair/train/ant", ".augcli/repair/parts",
]  # fmt: skip
FILES = [
    "classes.txt", "run.json", "errors.jsonl", "train/metadata.jsonl", ".augcli/lock",
    ".augcli/holder.json", ".augcli/identity.json", ".augcli/listed", ".augcli/run.json",
    ".augcli/parts/00000000-00000-00005.rows", ".augcli/train/metadata.jsonl",
]  # fmt: skip


@pytest.mark.parametrize("target", ["there", "nowhere"])
@pytest.mark.parametrize("name", FOLDERS + FILES)
def test_a_link_is_refused_by_name(tmp_path: Path, name: str, target: str) -> None:
    out, there = tmp_path / "out", tmp_path / "there"
    there.mkdir() if name in FOLDERS else there.write_text("")
    link = out / name
    link.parent.mkdir(parents=True)
    refuse_links(out)
    link.symlink_to(tmp_path / target)
    with pytest.raises(UserError, match=f"^{link} is a link, and nothing is written through"):
        refuse_links(out)


def test_out_itself_may_be_a_link_and_others_may_lie_in_it(tmp_path: Path) -> None:
    for name in FOLDERS:
        (tmp_path / "there" / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / "there/mine").symlink_to("/nowhere")
    (tmp_path / "out").symlink_to(tmp_path / "there")
    refuse_links(tmp_path / "out")
    refuse_links(tmp_path / "nothing")
