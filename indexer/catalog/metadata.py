"""What an index knows of itself: its encoder, and how far its files go."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from indexer.encoders.encoder import Encoder
from indexer.errors import EncoderError
from indexer.paths import printable
from indexer.vectors.faiss_file import AUTO


@dataclass(frozen=True)
class IndexMetadata:
    """An index's own entry in its catalogue.

    uuid: tells it from every other index. encoder_source: the folder of the bundle that was last used.
    code_rows: how many rows of the array of codes count. generation: grows whenever images are added or removed.
    base_generation: the earliest of a base that can be used, since of what was removed until then nothing is known any
    more. kind, recall: what was asked of the base. predictor_name, predictor_sha256: the attribute encoder that labels
    were predicted by last, "" for none; predicted_until: the last id that it has looked at. relabelled: grows whenever
    images that were there before get labels. drives: folders with pictures that were on another drive than the folders
    that they are in, a mounted disk for instance, when they were last gone through.
    """

    uuid: str
    encoder_name: str
    encoder_sha256: str
    encoder_source: str
    framing: dict[str, Any]
    distance: str
    latent_size: int
    code_rows: int = 0
    generation: int = 0
    base_generation: int = 0
    kind: str = AUTO
    recall: float = 0.95
    predictor_name: str = ""
    predictor_sha256: str = ""
    predicted_until: int = 0
    relabelled: int = 0
    drives: tuple[str, ...] = ()

    @classmethod
    def of_new(cls, encoder: Encoder) -> IndexMetadata:
        """Those of an empty index."""
        return cls(
            uuid.uuid4().hex,
            encoder.name,
            encoder.sha256,
            str(encoder.folder),
            encoder.framing.to_json(),
            encoder.distance,
            encoder.latent_size,
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> IndexMetadata | None:
        """Those that a catalogue holds; None where a first run was killed before it wrote them."""
        needed = [field.name for field in fields(cls) if field.default is MISSING]
        known = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        known["drives"] = tuple(known.get("drives", ()))
        return cls(**known) if all(name in known for name in needed) else None

    def to_json(self) -> dict[str, Any]:
        """As a catalogue holds them."""
        return asdict(self)

    def require(self, encoder: Encoder, folder: Path) -> None:
        """Raise EncoderError where this is not the encoder of the index at that folder, its framing included."""
        mine = (self.encoder_name, self.encoder_sha256, self.framing, self.distance, self.latent_size)
        theirs = (encoder.name, encoder.sha256, encoder.framing.to_json(), encoder.distance, encoder.latent_size)
        if mine != theirs:
            raise EncoderError(
                f"the index at {printable(folder)} was made with encoder {self.encoder_name} "
                f"(sha256 {self.encoder_sha256[:12]}…), not with {encoder.name} (sha256 {encoder.sha256[:12]}…): "
                "leave --encoder out, or make another index with --index"
            )
