"""ONNX Runtime, which is imported here and nowhere else: it sends reports of its use unless it is kept from it."""

from __future__ import annotations

import importlib
from typing import Any

from indexer.privacy import send_nothing
from indexer.system.extras import require


def import_onnxruntime(submodule: str = "") -> Any:
    """ONNX Runtime, or a module of it such as "quantization", with its reports of use turned off.

    Raises MissingExtra where it is not installed, or twice.
    """
    require("onnxruntime")
    send_nothing()  # a program that embeds us may have set the variable since
    runtime = importlib.import_module("onnxruntime")
    # What somebody imported before us has read its environment already; not every build has the function.
    getattr(runtime, "disable_telemetry_events", lambda: None)()
    return importlib.import_module(f"onnxruntime.{submodule}") if submodule else runtime
