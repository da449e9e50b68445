"""What restores the splits of a finished run, by the run's sink."""

from __future__ import annotations

from augcli.enums import OutputFormat
from augcli.store.restoring import folder, webdataset
from augcli.store.restoring.restoring import Restoring

RESTORING: dict[str, Restoring] = {
    OutputFormat.folder: folder,
    OutputFormat.webdataset: webdataset,
}
