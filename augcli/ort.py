"""ONNX Runtime, without its telemetry: the only module that imports it.

Since version 1.29 it writes files into the user's cache folder, starts a thread, and looks a
collector up, as soon as it is imported. An environment variable that is set before the import
prevents all of that, here and in child processes; whoever imported ONNX Runtime before augcli has
its events turned off.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

if hasattr(onnxruntime, "disable_telemetry_events"):
    onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime", "states"]
