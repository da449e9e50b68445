"""The sinks by their names, as a run's records have them."""

from __future__ import annotations

from augcli.enums import OutputFormat
from augcli.store.sinks import folder, webdataset
from augcli.store.sinks.sink import Sink

SINKS: dict[str, Sink] = {
    OutputFormat.folder: folder,
    OutputFormat.webdataset: webdataset,
}
