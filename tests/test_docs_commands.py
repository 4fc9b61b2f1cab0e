"""Commands in README.md and docs/: each one parses, and those that a newcomer types first are run."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from benchmarks.__main__ import OTHERS, experiments
from latentsearch.cli import VERBS, main

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "docs" / "commands.md"
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path != GENERATED)]
FENCED = re.compile(r"^```(console|sh|bash|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}((?:latentsearch|python) .*)$", re.MULTILINE)
INLINE = re.compile(r"`(latentsearch|python -m benchmarks) ([^`]+)`")
ASSIGNMENT = re.compile(r"\w+=.*")
SEPARATORS = ("|", ";", "&&", "||")
# Programs of others, whose options are not looked at.
FOREIGN = ("python3", ".", "cd", "duckdb", "sh", "xargs", "grep", "git", "ls")
SETTING_UP = ("pip", "make", "python3", ".")
# A newcomer's first commands are run with fewer pictures.
MANY, FEW = re.compile(r"--count \d{3,}"), "--count 60"


class Shown(NamedTuple):
    """A command as a page shows it, and the lines of output below it."""

    page: str
    line: str
    output: tuple[str, ...] = ()


def shown_in(text: str, page: str = "") -> Iterator[Shown]:
    """Every command of the shell blocks of a page; in a console block these are the lines after a `$`."""
    for language, block in FENCED.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        if language != "console":
            yield from (Shown(page, line) for line in lines if line.strip() and not line.startswith("#"))
            continue
        assert lines[0].startswith("$ "), f"{page}: a console block begins with a command: {lines[0]}"
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield Shown(page, lines[start][2:], tuple(lines[start + 1 : end]))
    yield from (Shown(page, line) for line in INDENTED.findall(text))


def commands_of(line: str) -> list[list[str]]:
    """The words of each command of a line, without comments, assignments before it and redirections behind it."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    reader.whitespace_split = True
    commands: list[list[str]] = [[]]
    words = iter(reader)
    for word in words:
        if word in SEPARATORS:
            commands.append([])
        elif re.fullmatch(r"[<>&]+", word):
            next(words)
        elif not (ASSIGNMENT.fullmatch(word) and not commands[-1]):
            commands[-1].append(word)
    return [command for command in commands if command]


def check(words: list[str]) -> None:
    """Fail for a command that is not there: a verb, an option, a value, an experiment, an extra or a make target."""
    match words:
        case ["python", "-X", _, *rest]:
            check(["python", *rest])
        case ["python", "-m", "latentsearch", *rest]:
            check(["latentsearch", *rest])
        case ["latentsearch", verb, *arguments]:
            assert verb in VERBS, f"no verb {verb}"
            parse(main, [verb, *arguments])
        case ["python", "-m", "benchmarks"]:
            pass
        case ["python", "-m", "benchmarks", name, *arguments]:
            assert name in experiments(), f"no experiment {name}"
            module = name.replace("-", "_")
            module = module if module in OTHERS else f"experiments.{module}.run"
            parse(importlib.import_module(f"benchmarks.{module}").command, arguments)
        case ["python", "-m", module]:
            assert importlib.util.find_spec(module), f"no module {module}"
        case ["pip", "install", target]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            wanted = re.fullmatch(r"\.\[([\w,]+)\]", target)
            assert wanted and set(wanted[1].split(",")) <= set(extras), target
        case ["make", target]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
        case [program, *_]:
            assert program in FOREIGN, f"{program} is not known"


def parse(command: click.Command, arguments: list[str], parent: click.Context | None = None) -> None:
    """Parse arguments as click does before it runs a command; values that a page leaves open stay as they are."""
    if isinstance(command, click.Group):
        context = click.Context(command, parent)
        inner = command.get_command(context, arguments[0])
        assert inner is not None, arguments[0]
        return parse(inner, arguments[1:], context)
    command.make_context(command.name, list(arguments), parent)


COMMANDS = [one for path in PAGES for one in shown_in(path.read_text(encoding="utf-8"), path.name)]
MENTIONED = sorted({(path.name, program, rest) for path in PAGES for program, rest in INLINE.findall(path.read_text())})


@pytest.mark.parametrize("shown", COMMANDS, ids=lambda shown: f"{shown.page}: {shown.line[:60]}")
def test_every_command_parses(shown: Shown) -> None:
    for words in commands_of(shown.line):
        check(words)


@pytest.mark.parametrize(("page", "program", "rest"), MENTIONED)
def test_every_command_in_a_sentence_names_what_is_there(page: str, program: str, rest: str) -> None:
    """Those hold placeholders, so only the verb or the experiment and the options are looked at."""
    name, *words = rest.split()
    options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    if program == "latentsearch":
        if name in ("VERB", "--help"):
            return
        command = main.get_command(click.Context(main), name)
        if isinstance(command, click.Group) and words:
            command = command.get_command(click.Context(command), words[0])
    else:
        assert name in experiments()
        module = name.replace("-", "_")
        place = module if module in OTHERS else f"experiments.{module}.run"
        command = importlib.import_module(f"benchmarks.{place}").command
    assert command is not None, name
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert options <= known | {"--help"}, options - known


@pytest.mark.parametrize(
    "line",
    [
        "latentsearch qurey one.jpg", "latentsearch query one.jpg --whare a=1", "latentsearch query -k many one.jpg",
        "latentsearch train parst DIR -o run", "latentsearch data fetsh mnist --root .", "pip install '.[gpus]'",
        "make tests", "python -m benchmarks label-similarities", "python -m benchmarks report --folder x",
        "latentserach index", "X=1 latentsearch status --bad | head", "python -m latentsearch.cli.referense",
    ],
)  # fmt: skip
def test_what_is_not_there_is_found(line: str) -> None:
    with pytest.raises((AssertionError, click.ClickException)):
        for words in commands_of(line):
            check(words)


def first_screen() -> str:
    return "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])


def test_the_readme_is_short_and_begins_with_what_a_newcomer_needs() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200
    words = [command for shown in shown_in(first_screen()) for command in commands_of(shown.line)]
    assert {"index", "query"} <= {word[1] for word in words if word[0] == "latentsearch"}
    assert any(word[:2] == ["pip", "install"] for word in words)
    assert "(docs/demo.png)" in first_screen()


@pytest.mark.parametrize("name", ["README.md", "first-search.md"])
def test_the_first_commands_do_what_the_page_says(name: str, tmp_path: Path) -> None:
    """In an empty home, on faces that the first of them draws; a table shows the columns and rows of the page's."""
    text = first_screen() if name == "README.md" else (ROOT / "docs" / name).read_text(encoding="utf-8")
    place = {"HOME": str(tmp_path), "COLUMNS": "100", "LATENTSEARCH_INDEX": str(tmp_path / "index")}
    environment = {**os.environ, **place, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = 0
    for shown in shown_in(text, name):
        if any(words[0] in SETTING_UP for words in commands_of(shown.line)):
            continue
        is_table = any(line.startswith("rank") for line in shown.output)
        line = MANY.sub(FEW, shown.line) + (" --table" if is_table else "")
        script = f"set -o pipefail; {line}"
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if is_table:
            assert columns_and_rows(done.stdout.splitlines()) == columns_and_rows(shown.output), done.stdout
        elif shown.output:
            assert re.sub(r"\d[\d.]*", "N", done.stdout + done.stderr).splitlines() == [
                re.sub(r"\d[\d.]*", "N", text) for text in shown.output
            ]
        ran += 1
    assert ran >= 4


def columns_and_rows(lines: list[str] | tuple[str, ...]) -> tuple[list[str], int]:
    return lines[0].split(), len(lines) - 1


@pytest.mark.parametrize("path", [*PAGES, GENERATED], ids=lambda path: path.name)
def test_every_link_and_anchor_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{path.name}: {link}"
        if anchor:
            assert anchor in anchors_of(file), f"{path.name}: {link}"


def anchors_of(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_stands_in_the_list_of_pages() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
