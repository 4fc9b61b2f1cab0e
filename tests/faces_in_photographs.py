"""Photographs with faces for tests: a bundled generator draws the faces, and they are put on drawn scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from PIL import Image

from indexer.encoders.generator import load_generator

# Generated faces that the detector finds.
FACES = (0, 1, 2, 3, 5)
# A place in a photograph: left, top and side of the square picture of a face, in pixels.
Place = tuple[int, int, int]
PLACES: tuple[Place, ...] = ((20, 30, 180), (240, 200, 220), (480, 60, 150))


@cache
def generated() -> list[Image.Image]:
    """Generated faces, 64x64."""
    drawn = list(load_generator("aegan", 1).draw(max(FACES) + 1, 0))
    return [Image.fromarray(drawn[number]) for number in FACES]


def photograph(
    faces: Sequence[int], places: Sequence[Place] = PLACES, size: tuple[int, int] = (640, 480), seed: int = 0
) -> Image.Image:
    """A smooth scene with generated faces, given by number, at places."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    scene = Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC)
    for number, (left, top, side) in zip(faces, places, strict=False):
        scene.paste(generated()[number].resize((side, side), Image.Resampling.BICUBIC), (left, top))
    return scene


def is_inside(box: Sequence[float], place: Place) -> bool:
    """Whether a box lies at a place: its centre in the middle third, and a side from a third to all of it."""
    left, top, side = place
    across, down = (box[0] + box[2]) / 2 - left, (box[1] + box[3]) / 2 - top
    middle = all(side / 3 < centre < side * 2 / 3 for centre in (across, down))
    return middle and side / 3 < box[3] - box[1] <= side * 1.1


def places_of(boxes: Sequence[Sequence[float]], places: Sequence[Place]) -> Iterator[int]:
    """Yield, for each box, the number of the place at which it lies; -1 for none."""
    for box in boxes:
        yield next((number for number, place in enumerate(places) if is_inside(box, place)), -1)
