"""Write duplicates as JSON, CSV, lines for a pipe, or blocks for a terminal.

File names that are not UTF-8 are written as in latentsearch.search.formats.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from indexer.paths import printable
from latentsearch.duplicates.compare.changes import TURNED
from latentsearch.duplicates.results import Copy, Duplicates, Tie
from latentsearch.search.formats import readable

COLUMNS = (
    "group",
    "rank",
    "id",
    "path",
    "kind",
    "changes",
    "likeness",
    "width",
    "height",
    "bytes",
    "sha256",
    "of",
    "turned_by",
    "lost",
    "gained",
)
DECIMALS = 4


def as_json(duplicates: Duplicates) -> bytes:
    """Write one JSON object with the groups, the best of each first, and the files left out, in UTF-8."""
    plain = {
        "index": duplicates.index,
        "groups": [{"pictures": [_plain(copy, group[0]) for copy in group]} for group in duplicates.groups],
        "left_out": [{"path": left.path, "reason": left.reason} for left in duplicates.left_out],
    }
    return json.dumps(plain, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"


def as_csv(duplicates: Duplicates) -> bytes:
    """Write CSV with a header and a row per picture, groups counted from 1, in UTF-8."""
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group, rank, copy in _numbered(duplicates):
        plain = _plain(copy, duplicates.groups[group - 1][0]) | {"path": printable(copy.image.path)}
        plain |= {column: "; ".join(plain[column]) for column in ("changes", "lost", "gained")}
        writer.writerow([group, rank, *(plain[column] for column in COLUMNS[2:])])
    return rows.getvalue().encode("utf-8", "backslashreplace")


def as_lines(duplicates: Duplicates) -> bytes:
    """Write a line per picture with tabs between group, kind, changes, likeness, size, bytes, id and path."""
    return "".join("\t".join(map(str, _fields(group, copy))) + "\n" for group, _, copy in _numbered(duplicates)).encode(
        "utf-8", "backslashreplace"
    )


def as_blocks(duplicates: Duplicates) -> str:
    """Write a block of lines per group, for a terminal."""
    return "\n\n".join("\n".join(map(_shown, group)) for group in duplicates.groups)


def summary(duplicates: Duplicates) -> str:
    """Summarise the groups, the copies and their size in one sentence."""
    if not duplicates.groups:
        return "no duplicates"
    spare = duplicates.spare
    size = sum(copy.image.size for copy in spare) / 1e6
    return (
        f"{_counted(len(duplicates.groups), 'group')}; {_counted(len(spare), 'picture')} beside the best, {size:.1f} MB"
    )


def _numbered(duplicates: Duplicates) -> Iterator[tuple[int, int, Copy]]:
    for number, group in enumerate(duplicates.groups, start=1):
        for rank, copy in enumerate(group, start=1):
            yield number, rank, copy


def _fields(group: int, copy: Copy) -> tuple[Any, ...]:
    image = copy.image
    size = f"{image.width}x{image.height}"
    changes = ",".join(_with_degrees(copy.tie))
    return group, copy.kind, changes, _rounded(copy), size, image.size, image.id, readable(image.path)


def _shown(copy: Copy) -> str:
    image = copy.image
    size = f"{image.width}x{image.height}"
    return f"{copy.kind:5}  {size:>11}  {image.size / 1e3:>9.1f} kB  {readable(image.path)}{_remark(copy)}"


def _remark(copy: Copy) -> str:
    remarks = list(_with_degrees(copy.tie)) if copy.changes != (copy.kind,) or TURNED in copy.changes else []
    if copy.tie and copy.tie.gained:
        remarks.append(f"has {', '.join(copy.tie.gained)} that the other lacks")
    return f"  ({', '.join(remarks)})" if remarks else ""


def _with_degrees(tie: Tie | None) -> list[str]:
    """Return the changes of a copy, with the degrees of a turn."""
    changes = tie.changes if tie else ()
    return [f"{change} {tie.degrees}" if change == TURNED and tie else change for change in changes]


def _plain(copy: Copy, best: Copy) -> dict[str, Any]:
    image = copy.image
    plain = {
        "id": image.id,
        "path": image.path,
        "kind": copy.kind,
        "changes": list(copy.changes),
        "likeness": _rounded(copy),
        "width": image.width,
        "height": image.height,
        "bytes": image.size,
        "sha256": image.digest.hex(),
        "of": None if copy.to_best is None else best.image.id if copy.twin is None else copy.twin,
        "turned_by": copy.tie.degrees if copy.tie else 0,
        "lost": list(copy.tie.lost) if copy.tie else [],
        "gained": list(copy.tie.gained) if copy.tie else [],
    }
    if copy.twin is not None and copy.to_best is not None:
        plain["to_best"] = _of_tie(copy.to_best)
    return plain


def _of_tie(tie: Tie) -> dict[str, Any]:
    return {
        "kind": tie.kind,
        "changes": list(tie.changes),
        "likeness": round(tie.likeness, DECIMALS),
        "turned_by": tie.degrees,
        "lost": list(tie.lost),
        "gained": list(tie.gained),
    }


def _rounded(copy: Copy) -> float:
    return round(copy.likeness, DECIMALS)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
