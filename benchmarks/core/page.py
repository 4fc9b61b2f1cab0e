"""Shared by all pages: Markdown tables, figures with intervals, plots, and the provenance of a result."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """A Markdown table; the first `words` columns contain text, the rest numbers, aligned right."""
    alignment = ["---" if column < words else "---:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, alignment, *rows))


def with_interval(score: dict[str, Any]) -> str:
    """A score {"mean", "interval": [low, high]} as text, with its 95 % interval."""
    low, high = score["interval"]
    return f"{score['mean']:.3f} [{low:.3f}, {high:.3f}]"


def page(*parts: str) -> str:
    """Join headings, paragraphs and tables into the text of a Markdown file; empty parts are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def write_page(folder: Path, name: str, text: str) -> Path:
    """Write `name`.md into the folder and return its path."""
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def provenance(record: dict[str, Any]) -> str:
    """How a stored result was obtained: command, seed, commit, date, machine and versions; also for kept rows."""
    parts = [_origin(record, f"Seed {record['seed']}, commit")]
    for run in record["result"].get("kept", []):
        parts.append(f"The rows {', '.join(run['methods'])} come from an earlier run:\n\n{_origin(run, 'Commit')}")
    return "\n\n".join(parts)


def _origin(record: dict[str, Any], before_commit: str) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    commit = f"{(record['commit'] or 'unknown')[:12]}{' with changes' if record['dirty'] else ''}"
    return (
        f"    {record['command']}\n\n{before_commit} {commit}, {record['date'][:10]}. "
        f"{machine['processor']}, {machine['cores']} cores; {versions}."
    )


def import_pyplot() -> Any:
    """matplotlib's pyplot, with a backend that draws to files only, its font cache in latentsearch's cache folder."""
    import platformdirs

    os.environ.setdefault("MPLCONFIGDIR", str(platformdirs.user_cache_path("latentsearch") / "matplotlib"))
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, path: Path) -> Path:
    """Write a figure as PNG (the same figure gives the same bytes), close it and return the path."""
    figure.savefig(path, dpi=110, metadata={"Software": None})
    import_pyplot().close(figure)
    return path
