"""The page of faults: kills, concurrent use, damaged pictures and indexes, failures that pass, and their outcomes."""

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


def _concurrent(result: dict[str, Any]) -> str:
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


def _worker_killed(result: dict[str, Any]) -> str:
    return page(
        "## Workers that are killed",
        f"{result['rounds']} runs, of which the processes that decode got SIGKILL at random moments, as from a system "
        "whose memory runs out, each followed by a run that nobody disturbed.",
        f"{result['kills']} were killed. {result['failed_meanwhile']} pictures could not be decoded meanwhile; all of "
        "them were by the next run.",
        _problems(result["problems"]),
    )


def _passing(heading: str, what: str) -> Callable[[dict[str, Any]], str]:
    def section(result: dict[str, Any]) -> str:
        rows = [[name, *(str(counts.get(key, 0)) for key in COUNTERS)] for name, counts in result["runs"].items()]
        return page(
            f"## {heading}",
            f"{what} {result['concerned']} of {result['pictures']} pictures are concerned.",
            markdown(["run", *COUNTERS.values()], rows, words=1),
            _problems(result["problems"]),
        )

    return section


def _future_times(result: dict[str, Any]) -> str:
    return page(
        "## Times of any size",
        f"{result['pictures']} pictures, some last changed before 1970 or in years up to 292 billion: the times of "
        f"{result['beyond_64_bits']} of them do not fit in 64 bits. {result['commands']} commands used the index; then "
        "it was exported, imported, and brought up to date, which found all pictures unchanged.",
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


COUNTERS = {
    "encoded": "encoded",
    "unchanged": "unchanged",
    "failed": "failed",
    "may_pass": "… tried again by every run",
    "failed_before": "… not tried again",
}
SECTIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "kill": _kill,
    "crowd": _concurrent,
    "images": _images,
    "files": _files,
    "worker-killed": _worker_killed,
    "permission-back": _passing(
        "A permission that comes back",
        "Labelled pictures change and may not be read (mode 000); until they may, they keep their ids and labels.",
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
