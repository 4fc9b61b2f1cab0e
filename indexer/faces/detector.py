"""The face detector: finds faces in pictures of any size, each with a box, five points and a score.

The network is CenterFace (Y. Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019). It
looks twice. A first look at the whole picture, at two sizes, finds candidates. The second look sees each candidate
upright and at one size; only what it confirms is a face, and the points are its own. Turned faces thereby get points
as exact as upright ones, and most false finds go.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.encoders.encoder import REPAIR, SHIPPED, open_session
from indexer.encoders.framing import CELEBA_POINTS
from indexer.errors import EncoderError
from indexer.faces.alignment import inverse, laid_on, mapped, similarity

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Array = NDArray[np.float64]
DETECTOR = SHIPPED / "centerface"
DESCRIPTION, GRAPH = "detector.json", "detector.onnx"
# The longer side of a picture in the first look, in pixels. The network finds upright faces from 30 pixels of height
# on, turned ones from 40; at 736 pixels it takes 40 ms on one core. The second size is for faces that fill the picture.
LARGE, SMALL = 736, 256
# The side of the second look, and the height of a face in it.
SIDE, HEIGHT = 160, 80
# The height of the network's box for a face in CelebA's aligned pictures, 178x218 pixels.
BOX = 115
# The least scores of the first and the second look.
CANDIDATE, CONFIRMED = 0.25, 0.65
# Of boxes that overlap by more than this share of their union, the one with the best score stays.
OVERLAP = 0.3
# The most faces of a picture, those with the best scores; their pixels are kept in memory.
MOST = 50
# The network halves its input five times.
STRIDE = 32
CELL = 4
# How far the second look's points may lie from where the first look put them, in distances between the eyes.
ASTRAY = 0.75
AT_ONCE = 16


class Face(NamedTuple):
    """A face in a picture, in its pixels.

    box: left, top, right, bottom. points: x and y of the left and right eye (as seen), the nose, and the left and right
    corner of the mouth. score: from CONFIRMED to 1.
    """

    box: tuple[float, float, float, float]
    points: tuple[tuple[float, float], ...]
    score: float

    @property
    def area(self) -> float:
        """The area of the box."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def enlarged(self, across: float, down: float) -> Face:
        """Return the face in a picture that is wider and higher by these factors."""
        left, top, right, bottom = self.box
        points = tuple((across * x, down * y) for x, y in self.points)
        return Face((across * left, down * top, across * right, down * bottom), points, self.score)


class Found(NamedTuple):
    """Finds of one look at one picture: boxes (n, 4), points (n, 5, 2) and scores (n,)."""

    boxes: Array
    points: Array
    scores: Array

    def only(self, rows: Sequence[int] | NDArray[np.int64]) -> Found:
        """Return some of the finds."""
        return Found(self.boxes[rows], self.points[rows], self.scores[rows])


class FaceDetector:
    """A loaded detector. `find` is thread-safe."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session

    def find(self, picture: Image.Image) -> list[Face]:
        """Find the faces in an upright RGB picture, the largest first."""
        scaled = _scaled(picture, LARGE) if max(picture.size) > LARGE else picture
        candidates = self._candidates(picture, scaled)
        candidates = candidates.only(_distinct(candidates)[: 2 * MOST])
        found = self._confirmed(picture, scaled, candidates)
        faces = [
            Face(tuple(box.tolist()), tuple(map(tuple, points.tolist())), float(score))
            for box, points, score in zip(*found.only(_distinct(found)[:MOST]), strict=True)
        ]
        return sorted(faces, key=lambda face: -face.area)

    def _candidates(self, picture: Image.Image, scaled: Image.Image) -> Found:
        """Return the finds of the first look, in the picture's pixels. scaled: the picture, at most LARGE."""
        longer = max(picture.size)
        factor = np.array([picture.width / scaled.width, picture.height / scaled.height])
        looks = [self._look(scaled, min(longer, LARGE))] if longer > SMALL * 1.25 else []
        found = _joined([*looks, self._look(scaled, SMALL)])
        return Found(found.boxes * np.tile(factor, 2), found.points * factor, found.scores)

    def _look(self, picture: Image.Image, side: int) -> Found:
        """Find candidates in a picture that is scaled to a longer side, in the picture's own pixels."""
        scaled = _scaled(picture, side)
        size = scaled.size
        canvas = np.zeros((1, _up(size[1]), _up(size[0]), 3), np.uint8)
        canvas[0, : size[1], : size[0]] = np.asarray(scaled)
        (found,) = self._run(canvas, CANDIDATE)
        factor = np.array([picture.width / size[0], picture.height / size[1]])
        return Found(found.boxes * np.tile(factor, 2), found.points * factor, found.scores)

    def _confirmed(self, picture: Image.Image, scaled: Image.Image, candidates: Found) -> Found:
        """Look at each candidate again, upright and at one size; return the points and scores of this look."""
        upright = _upright()
        transforms = [similarity(points, upright) for points in candidates.points]
        rows, points, scores = [], [], []
        for start in range(0, len(transforms), AT_ONCE):
            some = transforms[start : start + AT_ONCE]
            looks = [_second_look(picture, scaled, transform) for transform in some]
            for row, found in enumerate(self._run(np.stack(looks), CONFIRMED), start):
                best = _nearest(found, upright)
                if best is not None:
                    rows.append(row)
                    points.append(mapped(inverse(transforms[row]), found.points[best]))
                    scores.append(found.scores[best])
        boxes = candidates.boxes[rows]
        size = np.array(picture.size * 2, np.float64)
        return Found(np.clip(boxes, 0, size), np.array(points).reshape(-1, 5, 2), np.array(scores))

    def _run(self, pixels: NDArray[np.uint8], least: float) -> list[Found]:
        """Run the network on pictures, uint8 (n, h, w, 3); return the finds of each from a score on."""
        outputs = self._session.run(["heat", "size", "offset", "points"], {"images": pixels})
        return [_decoded([output[row] for output in outputs], least) for row in range(len(pixels))]


def _scaled(picture: Image.Image, side: int) -> Image.Image:
    """Scale a picture to a longer side."""
    scale = side / max(picture.size)
    size = max(round(scale * picture.width), 1), max(round(scale * picture.height), 1)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)


def _second_look(picture: Image.Image, scaled: Image.Image, transform: Array) -> NDArray[np.uint8]:
    """Return what a transform maps into the second look, from the scaled picture where that is fine enough."""
    ratio = picture.width / scaled.width
    if np.sqrt(abs(np.linalg.det(transform[:, :2]))) * ratio <= 1:
        picture, transform = scaled, np.column_stack([transform[:, :2] * ratio, transform[:, 2]])
    return np.asarray(laid_on(picture, transform, (SIDE, SIDE)))


def _up(size: int) -> int:
    return -(-size // STRIDE) * STRIDE


def _upright() -> Array:
    """Return the template's points in the second look."""
    points = np.array(CELEBA_POINTS)
    upright: Array = (points - points.mean(axis=0)) * HEIGHT / BOX + SIDE / 2
    return upright


def _decoded(maps: Sequence[NDArray[np.float32]], least: float) -> Found:
    """Read the network's maps, a cell for every 4x4 pixels: centres, logarithms of sizes, offsets, points."""
    heat, size, offset, points = maps
    down, across = np.where(heat[0] >= least)
    scores = heat[0, down, across].astype(np.float64)
    height, width = np.exp(size[:, down, across].astype(np.float64)) * CELL
    shift_down, shift_across = offset[:, down, across]
    left = (across + shift_across + 0.5) * CELL - width / 2
    top = (down + shift_down + 0.5) * CELL - height / 2
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    within = points[:, down, across].astype(np.float64).reshape(5, 2, -1)
    x, y = within[:, 1] * width + left, within[:, 0] * height + top
    return Found(boxes, np.stack([x, y], axis=2).transpose(1, 0, 2), scores)


def _joined(parts: Sequence[Found]) -> Found:
    return Found(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _distinct(found: Found) -> list[int]:
    """Return the finds that overlap none with a better score, the best first."""
    left = np.argsort(-found.scores, kind="stable")
    areas = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1)
    kept: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        corners = np.maximum(found.boxes[best, :2], found.boxes[left, :2])
        opposite = np.minimum(found.boxes[best, 2:], found.boxes[left, 2:])
        common = np.prod(np.clip(opposite - corners, 0, None), axis=1)
        left = left[common <= OVERLAP * (areas[best] + areas[left] - common)]
    return kept


def _nearest(found: Found, upright: Array) -> int | None:
    """Return the find with the best score whose points lie where they should; None if there is none."""
    if not len(found.scores):
        return None
    eyes = np.linalg.norm(upright[1] - upright[0])
    astray = np.linalg.norm(found.points - upright, axis=2).mean(axis=1)
    scores = np.where(astray <= ASTRAY * eyes, found.scores, -1)
    best = int(np.argmax(scores))
    return best if scores[best] >= 0 else None


def load_detector(folder: Path = DETECTOR) -> FaceDetector:
    """Load a detector for one thread per picture. Raises EncoderError if its bundle is damaged, MissingExtra."""
    return FaceDetector(open_session(folder, read_detector(folder), GRAPH, 1, on_cpu=True))


def read_detector(folder: Path = DETECTOR) -> dict[str, Any]:
    """Read a detector's description. Raises EncoderError if it is damaged."""
    path = folder / DESCRIPTION
    try:
        description: dict[str, Any] = json.loads(path.read_bytes())
        description["files"][GRAPH]["sha256"], description["name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path} cannot be read ({error}): {REPAIR}") from error
    return description
