"""`python -m benchmarks NAME [options]` runs one experiment; without a name it lists all of them."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import click

from benchmarks.core.experiment import run_command
from indexer.errors import InputError, LatentsearchError

HERE = Path(__file__).parent
# These are not experiments: one runs others, one makes a bundle, one makes pages from stored results.
OTHERS = ("default_pages", "photos_bundle", "report")


def experiments() -> dict[str, str]:
    """Name -> first line of its docstring, for every experiment and for OTHERS; imports none of them."""
    files = {path.parent.name: path for path in HERE.glob("experiments/*/run.py")}
    files |= {name: HERE / f"{name}.py" for name in OTHERS}
    found = {}
    for name, path in sorted(files.items()):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[name.replace("_", "-")] = docstring.partition("\n")[0]
    return found


def run(arguments: list[str]) -> None:
    """Run the experiment named by the first argument, with the remaining arguments as its options.

    Raises InputError if there is no such experiment.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        click.echo("Usage: python -m benchmarks NAME [options]\n")
        for name, summary in experiments().items():
            click.echo(f"  {name:20} {summary}")
        return
    name, options = arguments[0], arguments[1:]
    if name not in experiments():
        raise InputError(f"there is no benchmark {name}: `python -m benchmarks` lists all of them")
    module = name.replace("-", "_")
    module = module if module in OTHERS else f"experiments.{module}.run"
    run_command(importlib.import_module(f"benchmarks.{module}").command, options)


if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except LatentsearchError as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(error.exit_code)
