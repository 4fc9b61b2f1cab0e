"""An index's metadata: its encoder, and the state of its files."""

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
    """The metadata of an index, stored in its catalogue.

    uuid: identifies the index. encoder_source: folder of the bundle that was last used. code_rows: number of valid rows
    in the array of codes. generation: increases when images are added or removed. base_generation: the earliest
    generation of a usable base; the ids removed before it are no longer recorded. kind, recall: the requested kind of
    base and its recall. predictor_name, predictor_sha256: the attribute encoder that last predicted labels, "" for
    none. predicted_until: the last image id that this encoder has seen. relabelled: increases when existing images get
    labels. drives: folders with pictures that were mount points, on another drive than their parent folder, in the last
    run.
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
        """Return the metadata of an empty index."""
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
        """Read the metadata from a catalogue; None if the first run was killed before it wrote all of it."""
        needed = [field.name for field in fields(cls) if field.default is MISSING]
        known = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        known["drives"] = tuple(known.get("drives", ()))
        return cls(**known) if all(name in known for name in needed) else None

    def to_json(self) -> dict[str, Any]:
        """Return the metadata for storage in a catalogue."""
        return asdict(self)

    def require(self, encoder: Encoder, folder: Path) -> None:
        """Raise EncoderError if `encoder`, or its framing, is not the one that the index at `folder` was made with."""
        mine = (self.encoder_name, self.encoder_sha256, self.framing, self.distance, self.latent_size)
        theirs = (encoder.name, encoder.sha256, encoder.framing.to_json(), encoder.distance, encoder.latent_size)
        if mine != theirs:
            raise EncoderError(
                f"the index at {printable(folder)} was made with encoder {self.encoder_name} "
                f"(sha256 {self.encoder_sha256[:12]}…), not with {encoder.name} (sha256 {encoder.sha256[:12]}…): "
                "leave --encoder out, or make another index with --index"
            )
