"""What `indexer` and `latentsearch` log -> stderr, a line each."""

from __future__ import annotations

import logging

import click

from latentsearch.cli import tell

# `export` and `data fetch` log the steps of their work, which stand beside what these verbs print: without a prefix.
STEPS = ("latentsearch.export.", "latentsearch.data.")


class Lines(logging.Handler):
    """Prints each message as the command line prints its own."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        sentence = self.format(record)
        if record.name.startswith(STEPS):
            click.echo(sentence, err=True)
        else:
            tell(sentence)


def log_to_stderr(verbose: bool) -> None:
    """Print what is logged from now on: information and what is worse; verbose: details too."""
    for package in ("indexer", "latentsearch"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
        if not any(isinstance(handler, Lines) for handler in logger.handlers):
            logger.addHandler(Lines())
