"""Tiny training runs on drawn faces, for the experiments that compare inverters."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from latentsearch.cli import main

SIZES = ("--width", "4", "--batch", "16", "--latent-size", "8", "--threads", "1")
ONCE = ("--generator-epochs", "1", "--inverse-epochs", "1")


def train(family: str, data: Path, run: Path, *options: str) -> Path:
    """Train a family on a drawn CelebA and return the run's folder."""
    done = CliRunner().invoke(main, ["train", family, str(data), "-o", str(run), *options])
    assert done.exit_code == 0, done.output
    return run
