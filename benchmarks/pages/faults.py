"""The page of faults: kills, crowds, damaged pictures and damaged indexes, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.pages.shared import markdown, page, provenance, write_page

NAME = "faults"


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write faults.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The page: what was done, what came of it, every problem, how to run it again."""
    result = record["result"]
    parts = [section(result[name]) for name, section in SECTIONS.items() if name in result]
    return page(
        "# Faults",
        "A collection of pictures that the shipped generator drew is indexed and put through faults. Commands are "
        "slowed down and commit every few pictures: a short run has as many moments to be killed in as a long one.",
        *parts,
        "## How it was measured",
        provenance(record),
    )


def _kill(result: dict[str, Any]) -> str:
    rows = [[name, str(count)] for name, count in result["killed_before_their_end"].items()]
    return page(
        "## SIGKILL at random moments",
        f"{result['kills']} runs of six kinds in turn, each killed at a random moment of the time that it takes, then "
        "run once more. Compared with a run that nobody disturbed: paths, digests, labels, codes, what a search "
        "finds and its distances, and what `latentsearch check` says.",
        markdown(["run", "killed before its end"], rows, words=1),
        _problems(result["problems"]),
    )


def _crowd(result: dict[str, Any]) -> str:
    return page(
        "## Two indexers and eight readers at once",
        f"For {result['for_seconds']:g} s two processes in turn added, removed and checked, and eight readers opened "
        "the index, searched for everything, looked whether the answer is what the catalogue holds, and refreshed.",
        f"{result.get('reads', 0):,} reads, {result.get('writes', 0):,} runs that wrote, "
        f"{result.get('refused_by_the_lock', 0):,} refused by the lock's sentence, "
        f"{result.get('already_removed_by_the_other', 0):,} removals of what the other had removed.",
        _problems(result["problems"]),
    )


def _images(result: dict[str, Any]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(result["kinds"].items()))
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(result["outcomes"].items()))
    return page(
        "## Damaged pictures",
        f"{result['files']:,} files ({', '.join(result['formats'])}): {kinds}.",
        f"{outcomes}. {_limits(result)}",
        _problems(result["problems"]),
    )


def _files(result: dict[str, Any]) -> str:
    return page(
        "## Damaged indexes and bundles",
        f"{result['files']:,} times one file of an index or of its encoder's bundle was damaged, and both were used. "
        "Whatever becomes of `vectors.faiss`, which is derived, searches find the same.",
        markdown(["damaged", "command", "came to", "times"], _answers(result["answers"]), words=3),
        _limits(result),
        _problems(result["problems"]),
    )


def _answers(answers: dict[str, dict[str, int]]) -> Iterator[list[str]]:
    for target, counted in answers.items():
        for answer, count in sorted(counted.items()):
            command, _, outcome = answer.partition(": ")
            yield [target, f"`{command}`", outcome, str(count)]


def _limits(result: dict[str, Any]) -> str:
    within = "within" if result["within_cap"] else "**above**"
    return (
        f"The slowest took {result['slowest_s']:.2f} s; the greatest memory of a process was "
        f"{result['peak_mb']:.0f} MB, {within} the cap of {result['cap_mb']:,} MB."
    )


def _problems(problems: list[str]) -> str:
    if not problems:
        return "Problems: none."
    return "\n".join([f"**Problems: {len(problems)}.**", "", *(f"- {problem}" for problem in problems)])


SECTIONS = {"kill": _kill, "crowd": _crowd, "images": _images, "files": _files}
