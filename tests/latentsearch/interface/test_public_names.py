"""The public names: which they are, that they are documented, and what importing them costs."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import latentsearch as ls

ROOT = Path(__file__).parents[3]
PUBLIC = [
    "Collection", "DamagedIndex", "Duplicates", "EncoderError", "Hit", "IndexStateError", "InputError",
    "LatentsearchError", "LockedIndex", "MissingExtra", "Results", "TrainingError", "TransferError", "UnreadableImage",
    "create", "data_sets", "encode", "encoders", "export_bundle", "fetch_data", "find_duplicates", "import_codes",
    "import_parquet", "import_vectors", "index", "invert", "open", "predict_labels", "sample", "train",
    "verify_data", "watch",
]  # fmt: skip
HEAVY = ("torch", "onnxruntime", "faiss", "sqlalchemy", "pandas", "pyarrow")
MILLISECONDS_MORE_THAN_NUMPY = 60


def is_described(member: object) -> bool:
    return callable(member) or isinstance(member, property)


def test_the_public_names_are_these() -> None:
    assert ls.__all__ == PUBLIC
    assert all(getattr(ls, name).__doc__ for name in PUBLIC)
    assert set(PUBLIC) <= set(dir(ls))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ls.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_documented(name: str) -> None:
    public = getattr(ls, name)
    is_class = isinstance(public, type) and public.__module__.startswith("latentsearch")
    members = inspect.getmembers(public) if is_class else [(name, public)]
    described = [member for key, member in members if not key.startswith("_") and is_described(member)]
    assert described or name == "Hit"
    assert all(inspect.getdoc(member) for member in described)


def test_public_names_do_not_hide_modules() -> None:
    """Else a name would change its meaning as soon as the module is imported."""
    for name in PUBLIC:
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(f"latentsearch.{name}")


def test_importing_any_name_imports_nothing_heavy() -> None:
    code = f"import sys; from latentsearch import *; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_import_takes_little_longer_than_that_of_numpy() -> None:
    def milliseconds(module: str) -> float:
        code = f"import time; start = time.perf_counter(); import {module}; print(1000 * (time.perf_counter() - start))"
        runs = [
            float(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout)
            for _ in range(3)
        ]
        return min(runs)

    assert milliseconds("latentsearch") <= milliseconds("numpy") + MILLISECONDS_MORE_THAN_NUMPY


def test_the_package_says_that_it_is_typed() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in ("latentsearch", "indexer"))
