"""The sinks by their names, as a run's records have them."""

from __future__ import annotations

from augcli.store.sinks import folder
from augcli.store.sinks.sink import Sink

DEFAULT_SINK = "folder"
SINKS: dict[str, Sink] = {
    "folder": folder,
}
