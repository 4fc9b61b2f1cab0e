"""Write groups of duplicates as a shell script that lists what may be deleted, for people to read and edit.

Only `sh FILE delete` deletes anything. It deletes a file only if that file and the one kept for it still have the bytes
that were indexed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from indexer.errors import InputError
from indexer.paths import printable
from latentsearch.duplicates.results import BEST, Copy, Duplicates, Tie

HEAD = rb"""#!/bin/sh
# Copies that `latentsearch duplicates` found; nothing has been deleted yet. Each group lists a file to keep, then the
# copies of it to delete (discard), and the copies that stay, with the reason. To spare a file, remove its line. Then
#     sh FILE           lists what would be deleted
#     sh FILE delete    deletes it
# A file is deleted only if it and the file kept for it still have the bytes that were indexed.
LC_ALL=C
export LC_ALL
mode=${1-say}
failed=0

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
is_still() { [ -f "$2" ] && [ "$(sha256 < "$2" | cut -c 1-64)" = "$1" ]; }
keep() { kept_sum=$1 kept=$2; }
stays() { :; }
discard() {
    if [ "$2" -ef "$kept" ]; then
        printf 'left, it is the file that is kept: %s\n' "$2" >&2; failed=1
    elif ! is_still "$kept_sum" "$kept"; then
        printf 'left, since the one to keep has changed or gone: %s\n' "$2" >&2; failed=1
    elif ! is_still "$1" "$2"; then
        printf 'left, since it has changed or gone: %s\n' "$2" >&2; failed=1
    elif [ "$mode" != delete ]; then
        printf 'would delete %s\n' "$2"
    else
        rm -f -- "$2" && printf 'deleted %s\n' "$2" || failed=1
    fi
}
"""
TAIL = b'\nexit "$failed"\n'


def check_plan(target: Path) -> None:
    """Raise InputError if a plan cannot be written there: the file exists, or its folder does not."""
    if os.path.lexists(target):
        raise InputError(f"{printable(target)} is there already: name another file for the plan")
    if not target.parent.is_dir():
        raise InputError(f"{printable(target.parent)} is not a folder: make it, or name another for the plan")


def write_plan(duplicates: Duplicates, target: Path, kinds: Collection[str] = ()) -> None:
    """Write the plan to a new file. Raises InputError if the file exists.

    kinds: changes, besides exact and same, whose copies the plan deletes. A copy with several changes is deleted only
    if all of them are named.
    """
    groups = [_group(number, group, kinds) for number, group in enumerate(duplicates.groups, start=1)]
    try:
        with open(target, "xb") as file:
            file.write(b"".join([HEAD, *groups, TAIL]))
    except FileExistsError as error:
        raise InputError(f"{printable(target)} is there already: name another file for the plan") from error


def _group(number: int, group: Sequence[Copy], kinds: Collection[str]) -> bytes:
    """Return the lines of a group: every file to delete follows a file to keep with which it was compared directly."""
    best, *others = group
    below: dict[int, list[bytes]] = {best.image.id: []}
    staying: list[Copy] = []
    for copy in others:
        assert copy.to_best is not None
        if copy.to_best.may_go(kinds):
            below[best.image.id].append(_line(b"discard", copy, copy.to_best))
        elif copy.twin in below and copy.to_twin is not None and copy.to_twin.may_go(kinds):
            below[copy.twin].append(_line(b"discard", copy, copy.to_twin))
        else:
            below[copy.image.id] = []
            staying.append(copy)
    lines = [b"\n# group %d" % number, _line(b"keep", best, None), *below[best.image.id]]
    for copy in staying:
        if below[copy.image.id]:
            lines += [_line(b"keep", copy, copy.to_best), *below[copy.image.id]]
        else:
            lines.append(b"stays %s # %s" % (quoted(copy.image.path), _comment(copy, copy.to_best).encode()))
    return b"\n".join(lines) + b"\n"


def _line(verb: bytes, copy: Copy, tie: Tie | None) -> bytes:
    image = copy.image
    return b"%s %s %s # %s" % (verb, image.digest.hex().encode(), quoted(image.path), _comment(copy, tie).encode())


def _comment(copy: Copy, tie: Tie | None) -> str:
    image = copy.image
    comment = f"{tie.kind if tie else BEST}, {image.width}x{image.height}, {image.size} bytes"
    if tie and tie.changes and tie.changes != (tie.kind,):
        comment += f", {' '.join(tie.changes)}"
    if tie and tie.gained:
        comment += f"; neither is deleted: this one has {', '.join(tie.gained)} that the best lacks"
    return comment


def quoted(path: str) -> bytes:
    r"""Quote a path as one word of a shell: in single quotes, with each single quote in it written as '\''."""
    return b"'" + os.fsencode(path).replace(b"'", b"'\\''") + b"'"
