"""Options about how outputs are kept: as files in folders, or as samples in archives."""

from __future__ import annotations

from typing import Annotated

from augcli.cli.declare import choice, option
from augcli.enums import OutputFormat

_CHOICE = choice(
    "output-format",
    "how outputs are kept: files in folders of classes, or samples in tars",
    OutputFormat,
    {"wds": OutputFormat.webdataset, "imagefolder": OutputFormat.folder},
    {
        "tar": OutputFormat.webdataset,
        "tars": OutputFormat.webdataset,
        "files": OutputFormat.folder,
    },
)
OutputFormatOption = Annotated[OutputFormat, _CHOICE]
AnyOutputFormat = Annotated[OutputFormat | None, _CHOICE]
ShardSize = Annotated[
    str | None,
    option(
        "shard-size",
        "the most of a tar, in bytes (500M, 1GB) or samples (10000); without it 1 GB or 10000,"
        " whichever comes first",
        metavar="SIZE",
    ),
]
