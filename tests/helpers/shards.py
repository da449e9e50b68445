"""Archives of samples, and what is read of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.data.test_listing import paths
from tests.helpers.archives import write_tar


def shard(path: Path, labels: dict[str, object], ending: str = "cls") -> Path:
    """An archive of samples with these keys and labels."""
    members: dict[str, bytes] = {}
    for key, label in labels.items():
        members[f"{key}.jpg"] = f"{path.name} {key}".encode()
        text = json.dumps(label) if ending == "json" else str(label)
        members[f"{key}.{ending}"] = text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_tar(path, members)


def refusal(source: Path, options: SourceOptions | None = None) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source, options)
    assert str(refused.value).isprintable()
    return str(refused.value).replace(str(source), "SOURCE")


def labels_of(source: Path, options: SourceOptions | None = None) -> dict[str, str]:
    listing = list_source(source, options)
    names = paths(listing)
    return {name: listing.classes[c] for name, c in zip(names, listing.class_of, strict=True)}
