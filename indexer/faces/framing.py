"""How faces are framed for an encoder that was learned on aligned faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import REPAIR, Encoder
from indexer.encoders.framing import Framing
from indexer.errors import EncoderError
from indexer.faces.alignment import similarity

POINTS = 5


@dataclass(frozen=True)
class FaceFraming:
    """The size of an aligned face, and the template: where the five points lie in it, in pixels.

    The points are those of indexer.faces.detector.Face.
    """

    width: int
    height: int
    template: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, encoder: Encoder) -> FaceFraming:
        """Read an encoder's framing. Raises EncoderError if its bundle states no template, or a damaged one."""
        stated = encoder.model.get("template")
        if stated is None:
            raise EncoderError(
                f"encoder {encoder.name} was not learned on aligned faces (its model.json states no template): "
                "name another with --face-encoder"
            )
        try:
            template = np.asarray(stated, np.float64).reshape(POINTS, 2)
        except (TypeError, ValueError):
            template = np.full((POINTS, 2), np.nan)
        if not np.isfinite(template).all() or (template == template[0]).all():
            raise EncoderError(f"{encoder.folder / 'model.json'} does not state its template as it should: {REPAIR}")
        framing = encoder.framing
        return cls(framing.width, framing.height, tuple((x, y) for x, y in template.tolist()))

    def to_json(self) -> dict[str, Any]:
        """Return the framing for storage in a catalogue."""
        return {"width": self.width, "height": self.height, "template": [list(point) for point in self.template]}

    def transform_of(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the similarity transform, (2, 3), that lays a face with these points, (5, 2), on the template."""
        return similarity(points, np.array(self.template))


@dataclass(frozen=True)
class WithFaces(Framing):
    """The framing of whole pictures, for workers that also find the faces in them.

    detector: the folder of the detector's bundle.
    """

    faces: FaceFraming | None = None
    detector: str = ""

    @classmethod
    def joined(cls, whole: Framing, faces: FaceFraming, detector: str) -> WithFaces:
        """Add the framing of faces to that of whole pictures."""
        return cls(whole.width, whole.height, whole.crops, faces, detector)
