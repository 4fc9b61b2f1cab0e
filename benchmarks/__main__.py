"""`python -m benchmarks NAME [options]`: run one experiment; without a name, list what there is."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import click

from benchmarks.core.experiment import run_command
from indexer.errors import InputError, LatentsearchError

HERE = Path(__file__).parent
# What is no experiment: it runs others, or makes pages of what they stored.
OTHERS = ("default_pages", "report")


def experiments() -> dict[str, str]:
    """Name -> first line of the docstring of every experiment, and of the OTHERS; nothing is imported."""
    files = {path.parent.name: path for path in HERE.glob("experiments/*/run.py")}
    files |= {name: HERE / f"{name}.py" for name in OTHERS}
    found = {}
    for name, path in sorted(files.items()):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[name.replace("_", "-")] = docstring.partition("\n")[0]
    return found


def run(arguments: list[str]) -> None:
    """Run the experiment that the first argument names with the others.

    Raises InputError when there is no such experiment.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        click.echo("Usage: python -m benchmarks NAME [options]\n")
        for name, summary in experiments().items():
            click.echo(f"  {name:20} {summary}")
        return
    name, options = arguments[0], arguments[1:]
    if name not in experiments():
        raise InputError(f"no benchmark is called {name}: `python -m benchmarks` lists them")
    module = name.replace("-", "_")
    module = module if module in OTHERS else f"experiments.{module}.run"
    run_command(importlib.import_module(f"benchmarks.{module}").command, options)


if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except LatentsearchError as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(error.exit_code)
