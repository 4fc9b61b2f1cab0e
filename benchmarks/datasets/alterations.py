"""Alters pictures in ways that searches meet: colours, sunglasses, blur, shift, rotation, crop, JPEG, occlusion.

Covers the alterations of AEGAN's Fig. 3 and those that its section 4.2 leaves open; alterations.toml sets their
strengths.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.datasets.celeba import Faces
from benchmarks.datasets.pictures import cache_folder, progress

STRENGTHS = Path(__file__).with_suffix(".toml")
# Lengths in alterations.toml are in pixels of a picture of this width, CelebA's.
REFERENCE_WIDTH = 178

Strength = dict[str, Any]


def load_strengths() -> dict[str, Strength]:
    """The strength of each alteration, in table order: a key of ALTERATIONS -> its settings."""
    return tomllib.loads(STRENGTHS.read_text(encoding="utf-8"))


def altered_faces(gallery: Faces, rows: NDArray[np.int64], name: str, seed: int) -> Faces:
    """Altered copies of the gallery faces in these rows: PNG files in the user's cache, made once.

    name: a key of ALTERATIONS. Files are named `NAME-ORIGINAL.png`, so that no two alterations share a file name.
    """
    originals = [gallery.paths[row] for row in rows]
    strength = load_strengths()[name]
    folder = cache_folder() / "altered" / f"{name}-{_fingerprint(originals, strength, seed)}"
    if not folder.exists():
        _write(folder, originals, name, strength, seed)
    return replace(
        gallery,
        paths=tuple(folder / _file_name(name, path) for path in originals),
        attributes=gallery.attributes[rows],
        identity=gallery.identity[rows],
    )


def _fingerprint(originals: list[Path], strength: Strength, seed: int) -> str:
    digest = hashlib.sha256(f"{strength} {seed} Pillow {PIL.__version__}".encode())
    for path in originals:
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def _write(folder: Path, originals: list[Path], name: str, strength: Strength, seed: int) -> None:
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    unfinished.mkdir(parents=True)
    try:
        for number, path in enumerate(progress(originals, len(originals), f"altering: {name}")):
            with Image.open(path) as opened:
                picture = opened.convert("RGB")
            random = np.random.default_rng([seed, number, *name.encode()])
            alter(picture, name, strength, random).save(unfinished / _file_name(name, path), compress_level=1)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _file_name(name: str, original: Path) -> str:
    return f"{name}-{original.stem}.png"


def alter(picture: Image.Image, name: str, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Apply one alteration to an RGB picture and keep its size.

    name: a key of ALTERATIONS; random: draws directions and places.
    """
    altered = ALTERATIONS[name](picture, strength, random)
    assert altered.size == picture.size
    return altered


def turn_colours(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Reorder the channels: "GBR" puts green where red was, a hue rotation of 120 degrees."""
    return Image.merge("RGB", [picture.getchannel(channel) for channel in strength["channels"]])


def put_on_sunglasses(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Draw ellipses of `radii` in a dark `shade` over the `eyes`, joined by a line of thickness `bridge`."""
    altered, scale = picture.copy(), _scale(picture)
    pen, fill = ImageDraw.Draw(altered), (strength["shade"],) * 3
    eyes = [(scale * x, scale * y) for x, y in strength["eyes"]]
    across, down = (scale * radius for radius in strength["radii"])
    for x, y in eyes:
        pen.ellipse([x - across, y - down, x + across, y + down], fill)
    pen.line(eyes, fill, max(1, round(scale * strength["bridge"])))
    return altered


def blur(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Gaussian blur with standard deviation `sigma`."""
    return picture.filter(ImageFilter.GaussianBlur(_scale(picture) * strength["sigma"]))


def shift(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Move by `length` in a random direction; the edge is repeated."""
    length, angle = _scale(picture) * strength["length"], random.uniform(0, 2 * np.pi)
    right, down = round(length * np.cos(angle)), round(length * np.sin(angle))
    return _cut(_with_margin(picture), picture.size, -right, -down)


def rotate(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Rotate about the centre by `degrees`, in a random direction; the edge is repeated."""
    degrees = strength["degrees"] * random.choice((-1, 1))
    return _cut(_with_margin(picture).rotate(degrees, Image.Resampling.BICUBIC), picture.size, 0, 0)


def flip(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Mirror left and right."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def crop(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Keep the centre, `share` of the width and height, and enlarge it to the original size."""
    width, height = picture.size
    left, top = ((1 - strength["share"]) / 2 * side for side in picture.size)
    return picture.resize(picture.size, Image.Resampling.BICUBIC, box=(left, top, width - left, height - top))


def compress(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Compress as JPEG with this `quality`."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=strength["quality"])
    return Image.open(stream).convert("RGB")


def occlude(picture: Image.Image, strength: Strength, random: np.random.Generator) -> Image.Image:
    """Cover `area` of the picture with a rectangle of its proportions, in one `shade`, at a random place."""
    altered, sides = picture.copy(), [round(side * strength["area"] ** 0.5) for side in picture.size]
    left, top = (int(random.integers(0, whole - part + 1)) for whole, part in zip(picture.size, sides, strict=True))
    altered.paste((strength["shade"],) * 3, (left, top, left + sides[0], top + sides[1]))
    return altered


def _scale(picture: Image.Image) -> float:
    return picture.width / REFERENCE_WIDTH


def _with_margin(picture: Image.Image) -> Image.Image:
    """The picture with a margin on every side, a quarter of its longer side wide; the edge is repeated."""
    margin = max(picture.size) // 4
    return Image.fromarray(np.pad(np.asarray(picture), ((margin, margin), (margin, margin), (0, 0)), mode="edge"))


def _cut(padded: Image.Image, size: tuple[int, int], right: int, down: int) -> Image.Image:
    """Cut a rectangle of this size out of a padded picture, at its centre moved by (right, down)."""
    margin = max(size) // 4
    left, top = margin + right, margin + down
    return padded.crop((left, top, left + size[0], top + size[1]))


ALTERATIONS: dict[str, Callable[[Image.Image, Strength, np.random.Generator], Image.Image]] = {
    "colour": turn_colours,
    "sunglasses": put_on_sunglasses,
    "blur": blur,
    "shift": shift,
    "rotation": rotate,
    "flip": flip,
    "crop": crop,
    "jpeg": compress,
    "patch": occlude,
}
