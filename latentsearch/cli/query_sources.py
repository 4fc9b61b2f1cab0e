"""Read the queried pictures that are not files: standard input, and addresses, which are fetched with progress."""

from __future__ import annotations

import sys

import click

from latentsearch.query import PIPED, Name


def content_of(name: Name) -> bytes:
    """Return the bytes of the picture on standard input, if the name is PIPED, or at an address."""
    return _piped() if name == PIPED else _fetched(str(name))


def _piped() -> bytes:
    if sys.stdin.isatty():
        raise click.UsageError("- stands for a picture on standard input: pipe one in")
    return sys.stdin.buffer.read()


def _fetched(address: str) -> bytes:
    from latentsearch.address import fetch_picture
    from latentsearch.cli.stderr import Bar

    with Bar("fetching", unit="bytes") as bar:
        return fetch_picture(address, bar.show if bar.is_shown else None)
