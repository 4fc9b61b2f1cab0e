"""Pictures -> which attributes they show, as an attribute encoder sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.attributes import HOLDS, AttributeEncoder
from indexer.decode import decode_bytes
from indexer.discover import printable
from indexer.errors import InputError, UnreadableImage
from latentsearch.queries import check_files
from latentsearch.search import read_contents


@dataclass(frozen=True)
class View:
    """What is seen of one picture. values: by label, near 1 where it holds, near 0 where not."""

    path: str
    values: dict[str, float]

    def holds(self, label: str) -> bool:
        """Whether a label is said to hold."""
        return self.values[label] >= HOLDS

    def to_json(self) -> dict[str, Any]:
        """As `latentsearch attributes --json` prints it."""
        labels = {name: {"value": value, "holds": self.holds(name)} for name, value in self.values.items()}
        return {"path": printable(self.path), "labels": labels}


def view(images: Sequence[Path], encoder: AttributeEncoder) -> list[View]:
    """Look at picture files, one after another.

    Raises InputError for a file that is not there, UnreadableImage with the name and the reason.
    """
    if not images:
        raise InputError("no picture to look at: name one")
    check_files(tuple(images))
    return [_view(path, content, encoder) for path, content in zip(images, read_contents(images), strict=True)]


def _view(path: Path, content: bytes, encoder: AttributeEncoder) -> View:
    try:
        pixels = decode_bytes(content, encoder.framing).pixels
    except UnreadableImage as error:
        raise UnreadableImage(f"{printable(path)}: {error}") from error
    values = np.round(encoder.values(pixels[None])[0].astype(np.float64), 4).tolist()
    return View(str(path), dict(zip(encoder.labels, values, strict=True)))
