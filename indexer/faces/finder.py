"""Find the faces in decoded pictures, and cut them out as an encoder takes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.faces.alignment import laid_on
from indexer.faces.detector import Face, FaceDetector
from indexer.faces.framing import FaceFraming


class FoundFaces(NamedTuple):
    """The faces of a picture, the largest first, in its full size's pixels, and their aligned pixels.

    pixels: uint8 (n, height, width, 3).
    """

    faces: list[Face]
    pixels: NDArray[np.uint8]


class FaceFinder:
    """Finds faces with one detector for one encoder."""

    def __init__(self, detector: FaceDetector, framing: FaceFraming) -> None:
        self._detector = detector
        self._framing = framing

    def find(self, picture: Image.Image, width: int, height: int) -> FoundFaces:
        """Find the faces in an upright RGB picture, which may be a reduced version of width x height pixels."""
        framing, found = self._framing, self._detector.find(picture)
        pixels = np.empty((len(found), framing.height, framing.width, 3), np.uint8)
        for row, face in enumerate(found):
            transform = framing.transform_of(np.array(face.points))
            pixels[row] = np.asarray(laid_on(picture, transform, (framing.width, framing.height)))
        across, down = width / picture.width, height / picture.height
        return FoundFaces([face.enlarged(across, down) for face in found], pixels)
