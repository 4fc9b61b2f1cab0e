"""A bundle's attribute encoder, which predicts the labels of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import BATCH_SIZE, REPAIR, find_bundle, open_session, read_model
from indexer.encoders.framing import Framing
from indexer.errors import EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

GRAPH = "attributes.onnx"
DEFAULT_ATTRIBUTES = "attributes"
# A label is predicted as 1 from this value upwards; the network was trained on targets of 0 and 1.
HOLDS = 0.5


class AttributeEncoder:
    """A loaded bundle's attribute encoder.

    Treat name, sha256 (of attributes.onnx), labels (their names) and framing as read-only. `values` is thread-safe.
    """

    def __init__(self, folder: Path, model: dict[str, Any], session: InferenceSession) -> None:
        self.folder = folder
        self.name: str = model["name"]
        self.sha256: str = model["files"][GRAPH]["sha256"]
        self.labels: tuple[str, ...] = tuple(model["attributes"]["labels"])
        self.framing = Framing.from_json(model["framing"])
        self._session = session

    def values(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Score framed images, uint8 (n, h, w, 3), as float32 (n, labels): near 1 where a label applies, else near 0.

        Raises EncoderError if the network returns NaN or infinity.
        """
        values = np.empty((len(images), len(self.labels)), np.float32)
        for start in range(0, len(images), BATCH_SIZE):
            batch = np.ascontiguousarray(images[start : start + BATCH_SIZE])
            values[start : start + BATCH_SIZE] = self._session.run(["values"], {"images": batch})[0]
        if not np.isfinite(values).all():
            raise EncoderError(
                f"the attribute encoder of {self.name} gave values that are not finite: the bundle at {self.folder} "
                "is unusable"
            )
        return values

    def predict(self, images: NDArray[np.uint8]) -> list[dict[str, int]]:
        """Predict the labels of framed images, uint8 (n, h, w, 3): one dictionary of name to 1 or 0 per image."""
        return [
            {name: int(value >= HOLDS) for name, value in zip(self.labels, row, strict=True)}
            for row in self.values(images)
        ]


def load_attribute_encoder(name_or_path: str | Path | None = None, threads: int = 0) -> AttributeEncoder:
    """Load a bundle's attribute encoder by the bundle's name or folder; None loads DEFAULT_ATTRIBUTES.

    threads: threads per batch, 0 for one per core.

    Raises EncoderError if the bundle is missing or damaged or has no attribute encoder, MissingExtra without ONNX
    Runtime.
    """
    folder = find_bundle(name_or_path, DEFAULT_ATTRIBUTES)
    model = read_model(folder)
    if GRAPH not in model["files"] or not isinstance(model.get("attributes"), dict):
        raise EncoderError(
            f"encoder {model['name']} at {folder} tells no attributes: export a run of `latentsearch train icgan` or "
            "`attributes`, which learn with labels"
        )
    session = open_session(folder, model, GRAPH, threads)
    try:
        encoder = AttributeEncoder(folder, model, session)
    except (KeyError, TypeError) as error:
        raise EncoderError(f"{folder / 'model.json'} has no valid list of labels: {REPAIR}") from error
    if session.get_outputs()[0].shape[-1] != len(encoder.labels):
        raise EncoderError(f"{folder / GRAPH} has another number of labels than model.json states: {REPAIR}")
    return encoder
