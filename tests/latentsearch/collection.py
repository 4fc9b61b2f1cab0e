"""An index of drawn pictures, queried through the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from latentsearch.cli import main
from tests.support import make_bundle, make_celeba

COUNT = 12


@dataclass(frozen=True)
class Collection:
    """COUNT pictures with CelebA's layout and labels, see `tests.support.make_celeba`."""

    index: Path
    bundle: Path
    pictures: list[Path]

    def query(self, *arguments: str | Path, piped: bytes | None = None) -> Result:
        return call("query", *arguments, "--index", self.index, piped=piped)

    def json(self, *arguments: str | Path, piped: bytes | None = None) -> dict[str, Any]:
        result = self.query(*arguments, "--json", piped=piped)
        assert result.exit_code == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def ids(self, *arguments: str | Path, piped: bytes | None = None) -> list[int]:
        return [hit["id"] for hit in self.json(*arguments, piped=piped)["results"]]


def make_collection(folder: Path, distance: str = "cosine") -> Collection:
    pictures = make_celeba(folder / "faces", COUNT)
    bundle = make_bundle(folder / "bundles", distance=distance)
    indexed = call("index", folder / "faces", "--index", folder / "index", "--encoder", bundle)
    assert indexed.exit_code == 0, indexed.stderr
    return Collection(folder / "index", bundle, pictures)


def call(*arguments: str | Path, piped: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], piped, prog_name="latentsearch")


def assert_fails(result: Result, status: int, *parts: str) -> None:
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("latentsearch: ")
    assert result.stderr.count("\n") == 1
    assert all(part in result.stderr for part in parts), result.stderr
