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
import numpy as np
import pyarrow
import pytest
from pyarrow.parquet import write_table

from benchmarks.__main__ import OTHERS, experiments
from latentsearch.cli import VERBS, main
from tests.support import draw_picture, make_bundle, make_folder

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
# Commands that are parsed only, by what their line holds.
NOT_RUN = {
    r"^(pip|make|python3|\.) ": "installs",
    r"--watch": "does not end",
    r"duckdb": "a program of others",
    r"python -m benchmarks": "takes long or writes to the checkout",
    r"contrastive(-mine|-parts)?\b(?!.*--index)|autoencoder|runs/icgan": "trains a network, or needs one",
    r"network\.onnx": "needs a network",
    r"timm:|resnet50": "fetches weights, or needs them",
    r"data (fetch|verify)": "needs a data set",
}
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
    """On faces that the first of them draws; a table must have the page's columns and number of rows."""
    text = first_screen() if name == "README.md" else (ROOT / "docs" / name).read_text(encoding="utf-8")
    runnable = [shown for shown in shown_in(text, name) if why_not_run(shown.line) is None]
    assert len(runnable) >= 4
    for shown in runnable:
        is_table = any(line.startswith("rank") for line in shown.output)
        line = MANY.sub(FEW, shown.line) + (" --table" if is_table else "")
        done = run(line, tmp_path)
        if is_table:
            assert columns_and_rows(done.stdout.splitlines()) == columns_and_rows(shown.output), done.stdout
        elif shown.output:
            numbers = [re.sub(r"\d[\d.]*", "N", text) for text in (done.stderr + done.stdout, "\n".join(shown.output))]
            assert numbers[0].strip() == numbers[1].strip()


@pytest.mark.parametrize(
    "name", ["choose.md", "duplicates.md", "folders.md", "labels.md", "learn-codes.md", "storage.md"]
)
def test_commands_run_on_drawn_pictures(name: str, tmp_path: Path) -> None:
    """In the order of the page, in a folder that holds the pictures, labels and bundles that the page names."""
    prepare(tmp_path)
    runnable = [shown.line for shown in COMMANDS if shown.page == name and why_not_run(shown.line) is None]
    assert len(runnable) >= 3
    for line in runnable:
        run(line, tmp_path)


def why_not_run(line: str) -> str | None:
    """Why a command is parsed and not run, None for one that can be."""
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, line)), None)


def run(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a line by a shell in an empty home, which must succeed."""
    place = {"HOME": str(home), "COLUMNS": "100", "LATENTSEARCH_INDEX": str(home / "index")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = ["bash", "-c", f"set -o pipefail; {line}"]
    environment = {**os.environ, **place, "PATH": path}
    done = subprocess.run(script, cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done


def prepare(home: Path) -> None:
    """Draw folders of labelled pictures with a copy among them, an index of some, and a bundle that redraws."""
    for name in ("pictures", "photos", "photos/2024", "photos/@eaDir", "scans", "faces"):
        make_folder(home / name, 24, seed=len(name))
    names = sorted(path.name for path in (home / "photos").glob("*.jpg"))
    rows = [f"{name},{number % 2},{number // 2 % 2},{20 + number}" for number, name in enumerate(names)]
    (home / "labels.csv").write_text("\n".join(["file,Eyeglasses,Smiling,age", *rows]) + "\n")
    (home / "sky.toml").write_text("[parts]\nwhole = [0, 0, 1, 1]\nsky = [0, 0, 1, 0.4]\n")
    draw_picture(0).save(home / "one.jpg")
    draw_picture(0).save(home / "pictures" / "copy.png")
    make_bundle(home, "icgan", "euclidean", generator=True, attributes=True)
    vectors = np.random.default_rng(0).normal(size=(len(names), 8)).astype(np.float32)
    np.save(home / "clip.npy", vectors)
    np.save(home / "one.npy", vectors[0])
    (home / "files.txt").write_text("".join(f"photos/{name}\n" for name in names))
    table = pyarrow.table({"path": [f"photos/{name}" for name in names], "vector": vectors.tolist()})
    write_table(table, home / "clip.parquet")
    run("latentsearch index pictures && latentsearch index pictures --index old.index", home)


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
