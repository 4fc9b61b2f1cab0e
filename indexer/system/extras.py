"""Which extras are installed: of `cpu` and `gpu` one is needed, others where they are; each is told in one sentence."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from typing import Any

from indexer import send_nothing
from indexer.errors import MissingExtra

# module -> its distribution of the extra `cpu`, and of `gpu`
DISTRIBUTIONS = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "faiss": ("faiss-cpu", "faiss-gpu"),
}
INSTALL = "pip install 'latentsearch[cpu]' (or 'latentsearch[gpu]')"


def require(*modules: str) -> None:
    """Raise MissingExtra where one of these modules (keys of DISTRIBUTIONS) is missing or installed twice.

    Imports none of them; takes about a millisecond.
    """
    for module in modules:
        installed = [name for name in DISTRIBUTIONS[module] if _is_installed(name)]
        if len(installed) > 1:
            # What one of them overwrote is not repaired by removing the other, so both go.
            both = " ".join(installed)
            raise MissingExtra(
                f"{' and '.join(installed)} overwrite each other: pip uninstall -y {both}, then {INSTALL}"
            )
        # Other builds (conda's, openvino's) have other distribution names and will do.
        if not installed and importlib.util.find_spec(module) is None:
            raise MissingExtra(f"{module} is not installed: {INSTALL}")


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def require_training() -> None:
    """Raise MissingExtra where the extra `train` is missing. Imports nothing."""
    require_extra("train", "torch", "torchvision", "safetensors", "onnx", "onnxscript")


def require_extra(extra: str, *modules: str) -> None:
    """Raise MissingExtra where a module of an extra is missing. Imports nothing."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(f"{module} is not installed: pip install 'latentsearch[{extra}]'")


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
