"""The sinks by their names, as a run's records have them."""

from __future__ import annotations

from augcli.store.layout import DEFAULT_SINK
from augcli.store.sinks import folder
from augcli.store.sinks.sink import Sink

SINKS: dict[str, Sink] = {
    DEFAULT_SINK: folder,
}
