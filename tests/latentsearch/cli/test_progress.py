"""The progress bar: in a terminal, after a while, and nowhere else."""

from __future__ import annotations

import io

import pytest

from latentsearch.cli import stderr
from latentsearch.cli.stderr import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with Bar("indexing") as bar:
        bar.show(4, None)
        bar.show(4, 10)
        bar.advance()
    return stream.getvalue()


def test_a_terminal_shows_what_how_much_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stderr, "SECONDS_BEFORE", 0.0)
    text = shown(Terminal(), monkeypatch)
    assert all(part in text for part in ("indexing", "5/10", "images/s", "left"))


def test_what_is_done_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(Terminal(), monkeypatch) == ""


def test_a_pipe_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stderr, "SECONDS_BEFORE", 0.0)
    assert shown(io.StringIO(), monkeypatch) == ""
