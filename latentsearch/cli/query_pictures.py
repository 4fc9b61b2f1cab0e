"""The pictures that `latentsearch query` is given: files, standard input, addresses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from latentsearch.query import Name


def picture_name(given: str) -> Name:
    """The name of a picture: a path, or an address, which as a path would lose a slash."""
    from latentsearch.query import Address

    return Address(given) if Address.is_one(given) else Path(given)


def contents_of(names: tuple[Name, ...]) -> dict[str, bytes]:
    """The bytes of pictures that are no files."""
    from latentsearch.query import PIPED, Address, check_files

    check_files(names)
    given = {str(PIPED): _piped()} if PIPED in names else {}
    addresses = [name for name in dict.fromkeys(names) if isinstance(name, Address)]
    return given | {address: _fetched(address) for address in addresses}


def _piped() -> bytes:
    if sys.stdin.isatty():
        raise click.UsageError("- is a picture on standard input: pipe one in")
    return sys.stdin.buffer.read()


def _fetched(address: str) -> bytes:
    from latentsearch.address import fetch_picture
    from latentsearch.cli.progress import Bar

    with Bar("fetching", unit="bytes") as bar:
        return fetch_picture(address, bar.show if bar.is_shown else None)
