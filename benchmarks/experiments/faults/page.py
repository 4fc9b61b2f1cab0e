"""The page of faults: kills, concurrent use, damaged files and temporary failures, and their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "faults"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write faults.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: each part, its outcome and every problem, and the provenance."""
    result = record["result"]
    parts = [section(result[name]) for name, section in SECTIONS.items() if name in result]
    return page(
        "# Faults",
        "A collection of pictures drawn by the shipped generator is indexed and subjected to faults. Commands are "
        "slowed down and commit every few pictures, so that a short run passes through as many stages as a long one.",
        *parts,
        "## How it was measured",
        provenance(record),
    )


def _kill(result: dict[str, Any]) -> str:
    rows = [[name, str(count)] for name, count in result["killed_before_their_end"].items()]
    return page(
        "## SIGKILL at random moments",
        f"{result['kills']} runs of six kinds in turn are each killed at a random moment, then run once more. The "
        "index is then compared with that of an undisturbed run: paths, digests, labels, codes, search results and "
        "distances, and the output of `latentsearch check`.",
        markdown(["run", "killed before its end"], rows, words=1),
        _problems(result["problems"]),
    )


def _concurrent(result: dict[str, Any]) -> str:
    return page(
        "## Two indexers and eight readers at once",
        f"For {result['for_seconds']:g} s, two processes added, removed and checked in turn, while eight readers "
        "opened the index, searched for everything, compared the results with the catalogue, and refreshed.",
        f"{result.get('reads', 0):,} reads, {result.get('writes', 0):,} completed writes, "
        f"{result.get('refused_by_the_lock', 0):,} writes refused by the lock, "
        f"{result.get('already_removed_by_the_other', 0):,} removals of pictures that were already removed.",
        _problems(result["problems"]),
    )


def _images(result: dict[str, Any]) -> str:
    mutations = ", ".join(f"{count} {mutation}" for mutation, count in sorted(result["kinds"].items()))
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(result["outcomes"].items()))
    return page(
        "## Damaged pictures",
        f"{result['files']:,} files ({', '.join(result['formats'])}): {mutations}.",
        f"{outcomes}. {_limits(result)}",
        _problems(result["problems"]),
    )


def _files(result: dict[str, Any]) -> str:
    return page(
        "## Damaged indexes and bundles",
        f"One file of an index or of its encoder's bundle was damaged, {result['files']:,} times, and both were used. "
        "`vectors.faiss` is derived from the codes: whatever its damage, search results stay the same.",
        markdown(["damaged", "command", "outcome", "times"], _answers(result["answers"]), words=3),
        _limits(result),
        _problems(result["problems"]),
    )


def _worker_killed(result: dict[str, Any]) -> str:
    return page(
        "## Killed workers",
        f"In {result['rounds']} runs, decoding processes were sent SIGKILL at random moments, as by a system that runs "
        "out of memory; each was followed by an undisturbed run.",
        f"{result['kills']} processes were killed. {result['failed_meanwhile']} pictures could not be decoded "
        "meanwhile; the next run decoded all of them.",
        _problems(result["problems"]),
    )


def _passing(heading: str, what: str) -> Callable[[dict[str, Any]], str]:
    def section(result: dict[str, Any]) -> str:
        rows = [[name, *(str(counts.get(key, 0)) for key in COUNTERS)] for name, counts in result["runs"].items()]
        return page(
            f"## {heading}",
            f"{what} {result['concerned']} of {result['pictures']} pictures are affected.",
            markdown(["run", *COUNTERS.values()], rows, words=1),
            _problems(result["problems"]),
        )

    return section


def _future_times(result: dict[str, Any]) -> str:
    return page(
        "## Extreme modification times",
        f"Some of {result['pictures']} pictures have modification times before 1970 or up to the year 146 billion; "
        f"{result['beyond_64_bits']} of the times do not fit in 64 bits. {result['commands']} commands used the "
        "index; then it was exported, imported and updated, and all pictures were found unchanged.",
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
        f"The slowest took {result['slowest_s']:.2f} s; the peak memory of a process was {result['peak_mb']:.0f} MB, "
        f"{within} the cap of {result['cap_mb']:,} MB."
    )


def _problems(problems: list[str]) -> str:
    if not problems:
        return "Problems: none."
    return "\n".join([f"**Problems: {len(problems)}.**", "", *(f"- {problem}" for problem in problems)])


COUNTERS = {
    "encoded": "encoded",
    "unchanged": "unchanged",
    "failed": "failed",
    "may_pass": "of these, retried by every run",
    "failed_before": "of these, not retried",
}
SECTIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "kill": _kill,
    "crowd": _concurrent,
    "images": _images,
    "files": _files,
    "worker-killed": _worker_killed,
    "permission-back": _passing(
        "A permission that is restored",
        "Labelled pictures change and cannot be read (mode 000); until they can, they keep their ids and labels.",
    ),
    "extra-installed": _passing(
        "An extra that is installed", "HEIC pictures are indexed without the extra that reads them, then with it."
    ),
    "decoder-updated": _passing(
        "A decoder that is updated",
        "WebP pictures are indexed with an older Pillow that cannot read them, then with this one.",
    ),
    "future-times": _future_times,
}
