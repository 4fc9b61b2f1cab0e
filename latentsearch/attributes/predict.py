"""Predict the attributes of pictures with an attribute encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.attributes import HOLDS, AttributeEncoder
from indexer.errors import InputError, UnreadableImage
from indexer.paths import printable
from latentsearch.pictures import decoded_files
from latentsearch.query import Unreadable, check_files


@dataclass(frozen=True)
class Prediction:
    """The predicted attributes of one picture.

    values: a number per label, near 1 if present, near 0 if absent. encoder: the name of the encoder that predicted.
    """

    path: str
    values: dict[str, float]
    encoder: str

    def holds(self, label: str) -> bool:
        """Whether a label is predicted as present: its value is at least HOLDS."""
        return self.values[label] >= HOLDS

    def to_json(self) -> dict[str, Any]:
        """Return the object that `latentsearch attributes --json` prints."""
        labels = {name: {"value": value, "holds": self.holds(name)} for name, value in self.values.items()}
        return {"path": printable(self.path), "labels": labels, "encoder": self.encoder}


def predict(images: Sequence[Path], encoder: AttributeEncoder) -> list[Prediction | Unreadable]:
    """Predict the attributes of picture files, in order; a file that cannot be decoded yields Unreadable.

    Raises InputError if no picture is given or a file does not exist, and UnreadableImage, with all names and reasons,
    if none can be decoded.
    """
    if not images:
        raise InputError("no picture given: name at least one")
    check_files(tuple(images))
    predictions = [
        Unreadable(str(path), picture) if isinstance(picture, str) else _predict_one(path, picture, encoder)
        for path, picture in zip(images, decoded_files(images, encoder.framing), strict=True)
    ]
    unreadable = [one for one in predictions if isinstance(one, Unreadable)]
    if len(unreadable) == len(predictions):
        raise UnreadableImage("; ".join(f"{printable(one.query)}: {one.reason}" for one in unreadable))
    return predictions


def _predict_one(path: Path, pixels: NDArray[np.uint8], encoder: AttributeEncoder) -> Prediction:
    values = np.round(encoder.values(pixels[None])[0].astype(np.float64), 4).tolist()
    return Prediction(str(path), dict(zip(encoder.labels, values, strict=True)), encoder.name)
