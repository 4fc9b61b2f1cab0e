"""Pictures that hold no face, and faces of CelebA's format pasted into them: scaled, turned, at known places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from indexer.faces.alignment import inverse, laid_on

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
# The size of an aligned picture, and the height of the face in it, from the hairline to the chin.
WIDTH, HEIGHT, FACE = 178, 218, 115
DEGREES = 30.0
TRIES = 50


class PastedFace(NamedTuple):
    """A face in a picture. row: of the original. transform: (2, 3), from the original's pixels. height: in pixels."""

    row: int
    transform: Array
    height: float


class PastedPicture(NamedTuple):
    """A picture and the faces in it."""

    picture: Image.Image
    faces: list[PastedFace]


def photographs(
    pictures: Pixels, random: np.random.Generator, size: tuple[int, int], count: int
) -> Iterator[Image.Image]:
    """Yield small pictures without faces, uint8 (n, h, w, 3), enlarged: single ones and mosaics of 192 in turn."""
    side = pictures.shape[1]
    for number in range(count):
        if number % 2:
            chosen = pictures[random.integers(len(pictures), size=192)].reshape(12, 16, side, side, 3)
            pixels = chosen.transpose(0, 2, 1, 3, 4).reshape(12 * side, 16 * side, 3)
        else:
            pixels = pictures[random.integers(len(pictures))]
        yield Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def textures(random: np.random.Generator, size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    """Yield smooth noise of many scales."""
    for _ in range(count):
        cells = random.integers(3, 60, 2)
        noise = random.integers(0, 256, (int(cells[0]), int(cells[1]), 3), dtype=np.uint8)
        yield Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def drawings(random: np.random.Generator, size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    """Yield overlapping ellipses, rectangles and lines in plain colours."""
    for _ in range(count):
        picture = Image.new("RGB", size, _colour(random))
        pen = ImageDraw.Draw(picture)
        for _ in range(int(random.integers(5, 40))):
            x, y = np.sort(random.integers(0, size[0], 2)), np.sort(random.integers(0, size[1], 2))
            shape = (pen.ellipse, pen.rectangle)[int(random.integers(2))]
            shape([int(x[0]), int(y[0]), int(x[1]), int(y[1])], _colour(random))
            pen.line([int(x[0]), int(y[1]), int(x[1]), int(y[0])], _colour(random), int(random.integers(1, 12)))
        yield picture


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in random.integers(0, 256, 3))
    return red, green, blue


def paste(
    scene: Image.Image,
    faces: Sequence[tuple[int, Path]],
    heights: tuple[float, float],
    random: np.random.Generator,
) -> PastedPicture:
    """Paste faces, given by row and file, into a scene, where they fit beside one another; others are left out.

    heights: of the faces, from and to, in pixels. Each is turned by up to DEGREES.
    """
    picture, placed = scene.copy(), []
    taken: list[tuple[Array, Array]] = []
    for row, path in faces:
        height, angle = random.uniform(*heights), np.deg2rad(random.uniform(-DEGREES, DEGREES))
        scale = height / FACE
        turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        half = np.abs(turned) @ np.array([WIDTH / 2, HEIGHT / 2])
        centre = _free(half, picture.size, taken, random)
        if centre is None:
            continue
        taken.append((centre, half))
        transform = np.column_stack([turned, centre - turned @ np.array([WIDTH / 2, HEIGHT / 2])])
        with Image.open(path) as original:
            _lay(picture, original.convert("RGB"), transform, centre, half)
        placed.append(PastedFace(row, transform, height))
    return PastedPicture(picture, placed)


def _free(
    half: Array, size: tuple[int, int], taken: list[tuple[Array, Array]], random: np.random.Generator
) -> Array | None:
    """Return a centre for a face with this half width and height that overlaps none; None if it finds no room."""
    if (2 * half >= size).any():
        return None
    for _ in range(TRIES):
        centre = random.uniform(half, np.array(size) - half)
        if all((np.abs(centre - other) > half + room).any() for other, room in taken):
            return centre
    return None


def _lay(picture: Image.Image, face: Image.Image, transform: Array, centre: Array, half: Array) -> None:
    """Lay the pixels of a whole original on the picture; its corners stay free."""
    corner = np.floor(centre - half).astype(int)
    size = int(np.ceil(2 * half[0])) + 2, int(np.ceil(2 * half[1])) + 2
    here = transform - np.array([[0, 0, corner[0]], [0, 0, corner[1]]])
    coefficients = tuple(inverse(here).ravel().tolist())
    mask = Image.new("L", face.size, 255).transform(
        size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    picture.paste(laid_on(face, here, size), (int(corner[0]), int(corner[1])), mask)
