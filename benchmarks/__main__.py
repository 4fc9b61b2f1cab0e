"""`python -m benchmarks NAME [options]`: run one experiment; without a name, list what there is."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import click

from indexer.errors import InputError, LatentsearchError

HERE = Path(__file__).parent


def experiments() -> dict[str, str]:
    """Name -> first line of the docstring of every module here that has a `main`; nothing is imported."""
    found = {}
    for path in sorted(HERE.glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem.replace("_", "-")] = (ast.get_docstring(tree) or "").partition("\n")[0]
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
    importlib.import_module(f"benchmarks.{name.replace('-', '_')}").main(options)


if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except LatentsearchError as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(error.exit_code)
