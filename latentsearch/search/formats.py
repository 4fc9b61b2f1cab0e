"""Write results as JSON, CSV, lines or paths for a pipe, or as a table for a terminal.

For a folder of queries, JSON has one object per line; CSV and lines begin each row with the query's name.

File names that are not UTF-8: paths keep the raw bytes. JSON writes each such byte as `\\udc` and two hex digits, which
Python's json.loads and os.fsencode turn back into the name. CSV, lines and tables write `\\x` and two hex digits.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from indexer.paths import printable
from latentsearch.query import SIMILARITY, Answer, Hit, Label, Results, Unreadable

if TYPE_CHECKING:
    from rich.table import Table

DISTANCE_DECIMALS = 6
# Results usually have a similarity above 0.99, in a large collection above 0.9999.
SIMILARITY_DECIMALS = 8
# The table heads its similarities "pairs as close" and shows, as "1 in 15,000", how many random pairs are as close.
SIMILARITY_HEADING = "pairs as close"
# Shown for a similarity that rounds to 1: fewer random pairs than 1 in 100,000,000 are as close.
NONE = "none"
# Spaces between the columns of the table.
GAP = 2


def as_json(results: Results) -> bytes:
    """Write a query and its results as one indented JSON object, in UTF-8."""
    return _encoded(json.dumps(_plain(results), ensure_ascii=False, indent=2) + "\n")


def as_json_line(answer: Answer) -> bytes:
    """Write an answer as JSON on one line; a picture that could not be read has only `query` and `error`."""
    plain = {"query": answer.query, "error": answer.reason} if isinstance(answer, Unreadable) else _plain(answer)
    return _encoded(json.dumps(plain, ensure_ascii=False) + "\n")


def as_csv(results: Results) -> bytes:
    """Write CSV with a header, a row per result and a column per label, in UTF-8."""
    names = list(dict.fromkeys(name for hit in results.hits for name in hit.labels))
    heading = [
        "rank",
        "id",
        "path",
        "distance",
        "similarity",
        *map(readable, names),
        *(["box"] if results.faces else []),
    ]
    return csv_rows([heading, *_cells(results, names)])


def csv_header(names: Sequence[str]) -> bytes:
    """Write the CSV header for the answers to several queries, with these labels."""
    return csv_rows([["query", "rank", "id", "path", "distance", "similarity", *map(readable, names)]])


def as_named_csv(results: Results, names: Sequence[str]) -> bytes:
    """Write the rows of one answer below `csv_header`."""
    return csv_rows([[name_of(results), *row] for row in _cells(results, names)])


def csv_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """Write rows as CSV, in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return _encoded(text.getvalue())


def as_lines(results: Results, *, named: bool = False) -> bytes:
    """Write a line per result with tabs between rank, id, distance, similarity, path and labels, and the box of a face.

    named: begin each line with the query's name.
    """
    name = (readable(name_of(results)),) if named else ()
    shown = zip(results.hits, shown_labels(results), strict=True)
    rows = ((*name, hit.rank, hit.id, *_rounded(hit), readable(hit.path), labels, *_box(hit)) for hit, labels in shown)
    return _encoded("".join("\t".join(map(str, row)) + "\n" for row in rows))


def as_paths(results: Results, *, null: bool = False) -> bytes:
    """Write only the paths, as raw bytes, each followed by a newline, or by a NUL byte with `null`."""
    end = b"\0" if null else b"\n"
    return b"".join(os.fsencode(hit.path) + end for hit in results.hits)


def as_table(results: Results, width: int) -> Table:
    """Make a table that fits a terminal of `width` columns; long paths are cut at the start, long labels at the end."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for name in ("rank", "id", "distance", SIMILARITY_HEADING):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("path", no_wrap=True)
    table.add_column("labels", no_wrap=True)
    paths, labels = _fitted(results, width)
    for hit, path, shown in zip(results.hits, paths, labels, strict=True):
        figures = (str(hit.rank), str(hit.id), f"{hit.distance:.4f}", pairs_as_close(hit.similarity))
        table.add_row(*figures, Text(path), Text(shown))
    return table


def pairs_as_close(similarity: float) -> str:
    """Say how many random pairs are as close as this: "1 in 15,000", "37 in 100", or NONE.

    similarity: the share of random pairs that are farther apart, 0 to 1. The result has two significant digits.
    """
    share = 1 - similarity
    if round(similarity, SIMILARITY_DECIMALS) == 1:
        return NONE
    if share > 0.1:
        return f"{100 * share:.0f} in 100"
    return f"1 in {round(float(f'{1 / share:.2g}')):,}"


def readable(text: str) -> str:
    r"""Make a name printable: control characters and bytes that are not UTF-8 become \n, \t, \x1b, \xff …"""
    return "".join(_escaped(character) for character in printable(text))


def name_of(results: Results) -> str:
    """Join the names of the queried pictures with commas."""
    return printable(", ".join(results.query))


def shown_labels(results: Results) -> list[str]:
    """Describe each hit's labels in one string: the names of true labels, and `name=value` for other labels.

    A label counts as true or false if its value is 1 or 0 in every hit that has it. False labels are left out.
    """
    named = [(name, value) for hit in results.hits for name, value in hit.labels.items()]
    valued = {name for name, value in named if isinstance(value, str) or value not in (0, 1)}
    return [", ".join(_shown(hit.labels, valued)) for hit in results.hits]


def _shown(labels: dict[str, Label], valued: set[str]) -> Iterator[str]:
    for name, value in labels.items():
        if name in valued:
            yield readable(f"{name}={value}")
        elif value == 1:
            yield readable(name)


def _fitted(results: Results, width: int) -> tuple[list[str], list[str]]:
    """Cut the paths and the labels to the width that the columns of numbers leave."""
    longest_id = max((len(str(hit.id)) for hit in results.hits), default=2)
    similarities = max([len(SIMILARITY_HEADING), *(len(pairs_as_close(hit.similarity)) for hit in results.hits)])
    room = width - len("rank") - longest_id - len("distance") - similarities - 5 * GAP
    paths = [" ".join([readable(hit.path), *_box(hit)]) for hit in results.hits]
    labels = shown_labels(results)
    for_labels = max(len("labels"), *map(len, labels), 0)
    for_path = max(room // 2, room - for_labels, len("path"))
    paths = [path if len(path) <= for_path else "…" + path[1 - for_path :] for path in paths]
    left = max(room - max(map(len, paths), default=0), len("labels"))
    return paths, [shown if len(shown) <= left else shown[: left - 1] + "…" for shown in labels]


def _plain(results: Results) -> dict[str, Any]:
    took = results.took_ms
    spent = {"load": took.load, "encode": took.encode, "filter": took.filter, "search": took.search}
    plain = {
        "query": results.query[0] if len(results.query) == 1 else list(results.query),
        "minus": list(results.minus) or None,
        "set": list(results.changes) or None,
        "encoder": results.encoder,
        "index": results.index,
        "took_ms": {stage: milliseconds for stage, milliseconds in spent.items() if milliseconds is not None},
        "matching": results.matching,
        "diverse": results.diverse,
        "faces": [
            {"query": face.query, "face": face.number, "of": face.total, "box": _whole(face.box)}
            for face in results.faces
        ]
        or None,
        "faceless": results.faceless or None,
        "sort": None if results.sort == SIMILARITY else results.sort,
        "cutoff": results.cutoff if results.cutoff is None else round(results.cutoff, DISTANCE_DECIMALS),
        "results": [_plain_hit(hit) for hit in results.hits],
    }
    return {key: value for key, value in plain.items() if value is not None}


def _plain_hit(hit: Hit) -> dict[str, Any]:
    distance, similarity = _rounded(hit)
    return {
        "rank": hit.rank,
        "id": hit.id,
        "path": hit.path,
        "distance": distance,
        "similarity": similarity,
        "labels": hit.labels,
        **({"facts": hit.facts} if hit.facts else {}),
        **({"predicted": [name for name in hit.labels if name in hit.predicted]} if hit.predicted else {}),
        **({"incomplete": True} if hit.incomplete else {}),
        **(
            {}
            if hit.face is None
            else {"face": {"id": hit.face.id, "box": _whole(hit.face.box), "score": hit.face.score}}
        ),
    }


def _cells(results: Results, names: Sequence[str]) -> Iterator[list[object]]:
    for hit in results.hits:
        values = [hit.labels.get(name, "") for name in names]
        yield [hit.rank, hit.id, printable(hit.path), *_rounded(hit), *values, *_box(hit)]


def _box(hit: Hit) -> list[str]:
    """Return the box of a face as `left,top,right,bottom` in pixels; [] for a whole picture."""
    return [] if hit.face is None else [",".join(map(str, _whole(hit.face.box)))]


def _whole(box: Sequence[float]) -> list[int]:
    return [round(edge) for edge in box]


def _rounded(hit: Hit) -> tuple[float, float]:
    return round(hit.distance, DISTANCE_DECIMALS), round(hit.similarity, SIMILARITY_DECIMALS)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
