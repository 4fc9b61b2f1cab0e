"""How many pasted faces are found, how exact their points are, and how often there is no face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.core.metrics import resampled
from benchmarks.datasets.celeba import Faces
from benchmarks.datasets.pasted_faces import PastedPicture, drawings, paste, photographs, textures
from indexer.encoders.framing import CELEBA_POINTS
from indexer.faces.alignment import mapped
from indexer.faces.detector import Face, FaceDetector

SIZE = (1024, 768)
MOST_A_PICTURE = 3
# A face is found if its points are nearer than this to where they should be, in distances between the eyes.
NEAR = 0.4
SMALL_HEIGHTS = ((40, 55), (55, 70), (70, 85), (85, 100))
HEIGHTS = (100, 400)


class Match(NamedTuple):
    """A pasted face and what was found there: the face, or None. error: of its points, in distances between the eyes.

    reference: "detector", whose points in the upright original are the reference, or "template" where it found none.
    """

    row: int
    height: float
    face: Face | None
    error: float
    reference: str


def pasted(
    faces: Faces, pictures: NDArray[np.uint8], heights: tuple[float, float], count: int, seed: int
) -> Iterator[PastedPicture]:
    """Yield pictures until about `count` faces were pasted; every face is used once before any is used again."""
    random = np.random.default_rng(seed)
    scenes = _scenes(pictures, random)
    rows = [int(row) for _ in range(count // len(faces) + 1) for row in random.permutation(len(faces))][:count]
    while rows:
        some = [rows.pop() for _ in range(min(int(random.integers(1, MOST_A_PICTURE + 1)), len(rows)))]
        made = paste(next(scenes), [(row, faces.paths[row]) for row in some], heights, random)
        rows = [*{*some} - {face.row for face in made.faces}, *rows] if made.faces else rows
        yield made


def _scenes(pictures: NDArray[np.uint8], random: np.random.Generator) -> Iterator[Image.Image]:
    while True:
        yield from photographs(pictures, random, SIZE, 2)
        yield from textures(random, SIZE, 1)
        yield from drawings(random, SIZE, 1)


def matches(detector: FaceDetector, made: PastedPicture, found: Sequence[Face], faces: Faces) -> Iterator[Match]:
    """Yield a match for each pasted face; a found face counts for one at most."""
    left = list(found)
    for face in made.faces:
        reference, name = reference_points(detector, faces, face.row)
        there = mapped(face.transform, reference)
        eyes = np.linalg.norm(there[0] - there[1])
        errors = [float(np.linalg.norm(np.array(one.points) - there, axis=1).mean() / eyes) for one in left]
        nearest = int(np.argmin(errors)) if errors else -1
        if nearest >= 0 and errors[nearest] < NEAR:
            yield Match(face.row, face.height, left.pop(nearest), errors[nearest], name)
        else:
            yield Match(face.row, face.height, None, np.nan, name)


def reference_points(detector: FaceDetector, faces: Faces, row: int) -> tuple[NDArray[np.float64], str]:
    """Return the points of an upright original, (5, 2), by the detector, or by the template where it finds none."""
    with Image.open(faces.paths[row]) as original:
        found = detector.find(original.convert("RGB"))
    if found:
        return np.array(found[0].points), "detector"
    return np.array(CELEBA_POINTS), "template"


def found_and_exact(some: Sequence[Match], seed: int) -> dict[str, Any]:
    """The share that was found, with its interval, and quantiles of the error."""
    errors = np.array([match.error for match in some if match.face is not None])
    return {
        "faces": len(some),
        "found": resampled(np.array([match.face is not None for match in some], np.float64), 1000, seed),
        "error_median": float(np.median(errors)) if len(errors) else None,
        "error_90": float(np.quantile(errors, 0.9)) if len(errors) else None,
        "reference_is_template": sum(match.reference == "template" for match in some),
    }


def false_finds(detector: FaceDetector, pictures: Iterable[Image.Image]) -> dict[str, Any]:
    """Count the pictures without a face in which one is found, and the finds."""
    counts = [len(detector.find(picture)) for picture in pictures]
    return {"pictures": len(counts), "finds": sum(counts), "a_thousand": 1000 * sum(counts) / max(len(counts), 1)}


def measure_false_finds(
    detector: FaceDetector, pictures: NDArray[np.uint8], count: int, seed: int
) -> dict[str, dict[str, Any]]:
    """False finds by kind: small photographs as they are, enlarged ones and mosaics, textures, drawings."""
    random = np.random.default_rng(seed)
    some = random.permutation(len(pictures))[:count]
    kinds: dict[str, Iterable[Image.Image]] = {
        "photographs, 32x32": (Image.fromarray(pictures[row]) for row in some),
        "photographs, enlarged, and mosaics": photographs(pictures, random, SIZE, count // 4),
        "textures": textures(random, SIZE, count // 4),
        "drawings": drawings(random, SIZE, count // 4),
    }
    return {kind: false_finds(detector, of_kind) for kind, of_kind in kinds.items()}
