"""Every experiment keeps the contract of benchmarks.core.experiment."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import click
import pytest

from benchmarks.__main__ import OTHERS, experiments

pytest.importorskip("torch")

FOLDER = Path(__file__).parents[2] / "benchmarks" / "experiments"
FOLDERS = sorted(path.parent.name for path in FOLDER.glob("*/run.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_experiment_measures_and_has_a_command_of_its_name(folder: str) -> None:
    module = importlib.import_module(f"benchmarks.experiments.{folder}.run")
    assert folder.replace("_", "-") == module.NAME == module.command.name
    assert callable(module.measure) and isinstance(module.command, click.Command)
    assert module.command.context_settings["help_option_names"] == ["-h", "--help"]


@pytest.mark.parametrize("folder", [path.parent.name for path in sorted(FOLDER.glob("*/page.py"))])
def test_a_page_is_of_results_of_its_experiment(folder: str) -> None:
    module = importlib.import_module(f"benchmarks.experiments.{folder}.page")
    assert module.PAGES and all(name.startswith(folder.replace("_", "-")) for name in module.PAGES)
    assert callable(module.write)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_experiment_imports_from_another(path: Path) -> None:
    own = f"benchmarks.experiments.{path.relative_to(FOLDER).parts[0]}"
    names = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    names = [name for name in names if name.startswith("benchmarks.experiments.")]
    assert all(name == own or name.startswith(f"{own}.") for name in names)


def test_all_are_listed() -> None:
    assert set(experiments()) == {name.replace("_", "-") for name in (*FOLDERS, *OTHERS)}
