"""docs/commands.md: generated from the commands, and current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from latentsearch.cli import VERBS
from tests.latentsearch.collection import call

ROOT = Path(__file__).parent.parent.parent.parent
PAGE = ROOT / "docs" / "commands.md"
COMMAND = [sys.executable, "-m", "latentsearch.cli.reference"]


def generated(**environment: str) -> str:
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == generated(), (
        "run `python -m latentsearch.cli.reference > docs/commands.md`"
    )


def test_the_page_is_the_same_in_every_terminal_and_for_every_user() -> None:
    assert generated(COLUMNS="40", HOME="/nowhere", LATENTSEARCH_INDEX="/elsewhere") == generated(COLUMNS="200")


def test_every_verb_and_every_option_has_its_place() -> None:
    sections = dict(re.findall(r"^## latentsearch ([\w ]+)\n(.*?)(?=^## |\Z)", generated(), re.MULTILINE | re.DOTALL))
    assert list(sections) == [*VERBS, "data fetch", "data list", "data verify"]
    for verb, section in sections.items():
        options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", call(*verb.split(), "--help").stdout, re.MULTILINE)
        assert options and set(options) <= set(re.findall(r"--[\w-]+", section)), verb


def test_links_lead_to_the_sections() -> None:
    page = generated()
    headings = {heading.replace(" ", "-") for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    links = re.findall(r"\]\(#([\w-]+)\)", page)
    assert len(links) == len(VERBS) and set(links) <= headings
