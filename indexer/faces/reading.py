"""What a run needs to find and encode faces: an encoder that was learned on aligned faces, and the detector."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from indexer.encoders.encoder import Encoder, load_encoder, read_verified
from indexer.encoders.framing import Framing
from indexer.faces.detector import DETECTOR, GRAPH, read_detector
from indexer.faces.framing import FaceFraming, WithFaces


class FaceReading(NamedTuple):
    """The encoder of faces, how it frames them, and the name of the detector."""

    encoder: Encoder
    faces: FaceFraming
    detector: str

    @classmethod
    def load(cls, name_or_path: str | Path | None = None) -> FaceReading:
        """Load an encoder of faces by name or folder, None for the default one; check the detector, which workers load.

        Raises EncoderError if the encoder was not learned on aligned faces, or a bundle is missing or damaged.
        """
        encoder = load_encoder(name_or_path)
        description = read_detector()
        read_verified(DETECTOR / GRAPH, description["files"][GRAPH])
        return cls(encoder, FaceFraming.of(encoder), description["name"])

    def framing(self, whole: Framing) -> WithFaces:
        """Return the framing for workers that decode whole pictures and find the faces in them."""
        return WithFaces.joined(whole, self.faces, str(DETECTOR))
