"""What verbs declare alike, and the options of `train` under their headings."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest

from latentsearch.cli import VERBS, main
from tests.latentsearch.collection import call

# None in sys.modules makes any import of that name fail.
ALONE = "import sys; sys.modules['latentsearch.training'] = None; from latentsearch.cli import main; main({words})"


def options_of(verb: str) -> dict[str, click.Option]:
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    return {name: one for one in command.params if isinstance(one, click.Option) for name in one.opts}


def test_an_option_of_several_verbs_is_declared_alike() -> None:
    found = {verb: options_of(verb) for verb in VERBS}
    indexes = {(one["--index"].name, one["--index"].help) for one in found.values() if "--index" in one}
    flags = {(one["--json"].name, one["--json"].is_flag) for one in found.values() if "--json" in one}
    assert len(indexes) == len(flags) == 1


@pytest.mark.parametrize("verb", ["query", "index", "status", "invert"])
def test_other_verbs_import_nothing_of_training(verb: str) -> None:
    code = ALONE.format(words=[verb, "--help"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_help_of_train_has_every_option_once_under_a_heading() -> None:
    shown = call("train", "--help").stdout
    headings = re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    assert headings[-6:] == [
        "Run",
        "Recipe",
        "Recipes of some families",
        "With --latent-size auto",
        "Hardware",
        "Other options",
    ]
    listed = re.findall(r"^  (?:-\w, )?(--[\w-]+)", shown[shown.index("\nRun:\n") :], re.MULTILINE)
    assert sorted(listed) == sorted({*(name for name in options_of("train") if name.startswith("--")), "--help"})


@pytest.mark.parametrize("verb", VERBS)
def test_no_help_prints_the_limits_of_64_bits(verb: str) -> None:
    shown = call(verb, "--help").stdout
    assert "Usage: " in shown and str(2**63 - 1) not in shown


def test_a_number_beyond_64_bits_is_refused() -> None:
    assert f"<={2**63 - 1}" in call("query", "a.jpg", "-k", str(2**63)).stderr
