"""Groups of duplicates -> a shell script that says what may be deleted, for people to read and change.

Only `sh FILE delete` deletes anything, and then only a file whose bytes, and those of the file that is kept for it, are
still what they were when they were indexed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from indexer.discover import printable
from indexer.errors import InputError
from latentsearch.copies import Copy, Duplicates

HEAD = rb"""#!/bin/sh
# What `latentsearch duplicates` found; nothing has been deleted. Each group names the file to keep and those that may
# go. Look at them, and take out the lines of whatever shall stay. Then
#     sh FILE           says what would be deleted
#     sh FILE delete    deletes it
# A file goes only while it and the one that is kept for it have the bytes that they had when they were indexed.
LC_ALL=C
export LC_ALL
mode=${1-say}
failed=0

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
is_still() { [ -f "$2" ] && [ "$(sha256 < "$2" | cut -c 1-64)" = "$1" ]; }
keep() { kept_sum=$1 kept=$2; }
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
    """Raise InputError where a plan cannot be written: something is there already, or the folder is missing."""
    if os.path.lexists(target):
        raise InputError(f"{printable(target)} is there already: name another file for the plan")
    if not target.parent.is_dir():
        raise InputError(f"{printable(target.parent)} is no folder: make it, or name another for the plan")


def write_plan(duplicates: Duplicates, target: Path) -> None:
    """Write the plan, a file that is not there yet. Raises InputError where it is."""
    groups = [_group(number, group) for number, group in enumerate(duplicates.groups, start=1)]
    try:
        with open(target, "xb") as file:
            file.write(b"".join([HEAD, *groups, TAIL]))
    except FileExistsError as error:
        raise InputError(f"{printable(target)} is there already: name another file for the plan") from error


def _group(number: int, group: Sequence[Copy]) -> bytes:
    best, *others = group
    lines = [b"\n# group %d" % number, _line(b"keep", best), *(_line(b"discard", copy) for copy in others)]
    return b"\n".join(lines) + b"\n"


def _line(verb: bytes, copy: Copy) -> bytes:
    image = copy.image
    told = f"{copy.kind}, {image.width}x{image.height}, {image.size} bytes"
    if copy.changes:
        told += f", {' '.join(copy.changes)}"
    return b"%s %s %s # %s" % (verb, image.digest.hex().encode(), quoted(image.path), told.encode())


def quoted(path: str) -> bytes:
    r"""A path as one word of a shell, whatever bytes it has: between single quotes, those in it as '\''."""
    return b"'" + os.fsencode(path).replace(b"'", b"'\\''") + b"'"
