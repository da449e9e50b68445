"""The forms by the names of the sinks that write so, as a run's records have them."""

from __future__ import annotations

from augcli.enums import OutputFormat
from augcli.manifest.forms import folder, webdataset
from augcli.manifest.forms.form import Form

FORMS: dict[str, Form] = {
    OutputFormat.folder: folder,
    OutputFormat.webdataset: webdataset,
}
