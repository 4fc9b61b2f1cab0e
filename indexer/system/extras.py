"""Checks for installed extras: `cpu` or `gpu` is required, the others only where they are used."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from typing import Any

from indexer import send_nothing
from indexer.errors import MissingExtra

# Each module, and the distributions that provide it in the extras `cpu` and `gpu`, in this order.
DISTRIBUTIONS = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "faiss": ("faiss-cpu", "faiss-gpu"),
}
INSTALL = "pip install 'latentsearch[cpu]' (or 'latentsearch[gpu]')"


def require(*modules: str) -> None:
    """Raise MissingExtra if one of these modules (keys of DISTRIBUTIONS) is missing or installed twice.

    Imports nothing and takes about a millisecond.
    """
    for module in modules:
        installed = [name for name in DISTRIBUTIONS[module] if _is_installed(name)]
        if len(installed) > 1:
            # Removing one distribution would not restore the files it overwrote, so both have to go.
            both = " ".join(installed)
            raise MissingExtra(
                f"{' and '.join(installed)} overwrite each other: pip uninstall -y {both}, then {INSTALL}"
            )
        # Builds under other distribution names (from conda, or for OpenVINO) also work.
        if not installed and importlib.util.find_spec(module) is None:
            raise MissingExtra(f"{module} is not installed: {INSTALL}")


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def require_training() -> None:
    """Raise MissingExtra if a module of the extra `train` is missing. Imports nothing."""
    require_extra("train", "torch", "torchvision", "safetensors", "onnx", "onnxscript")


def require_extra(extra: str, *modules: str) -> None:
    """Raise MissingExtra if one of an extra's modules is missing. Imports nothing."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(f"{module} is not installed: pip install 'latentsearch[{extra}]'")


def import_onnxruntime(submodule: str = "") -> Any:
    """Import ONNX Runtime, or a submodule such as "quantization", with telemetry turned off.

    Raises MissingExtra if it is missing or installed twice.
    """
    require("onnxruntime")
    send_nothing()  # an embedding program may have changed the variables since
    runtime = importlib.import_module("onnxruntime")
    # A runtime imported earlier has already read its environment. Some builds lack this function.
    getattr(runtime, "disable_telemetry_events", lambda: None)()
    return importlib.import_module(f"onnxruntime.{submodule}") if submodule else runtime
