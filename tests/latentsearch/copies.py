"""A folder of drawn pictures with copies of every kind, and its index."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import Result
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from tests.latentsearch.collection import call
from tests.support import draw_picture, make_bundle

# The end of a copy's name -> its kinds in relation to the original.
COPIES: dict[str, tuple[str, list[str]]] = {
    "same-bytes.png": ("exact", []),
    "other-bytes.jpg": ("same", []),
    "low-quality.webp": ("same", []),
    "small.jpg": ("same", []),
    "mirrored.jpg": ("mirrored", ["mirrored"]),
    "cropped.jpg": ("cropped", ["cropped"]),
    "bright.jpg": ("brightened", ["brightened"]),
    "mirrored-and-cropped.jpg": ("cropped", ["cropped", "mirrored"]),
    "upside-down.jpg": ("turned", ["turned"]),
}


@dataclass(frozen=True)
class Copies:
    """A folder of pictures and its index."""

    pictures: Path
    index: Path

    def call(self, *arguments: str | Path) -> Result:
        return call("duplicates", *arguments, "--index", self.index)

    def json(self, *arguments: str | Path) -> dict[str, Any]:
        result = self.call(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def groups(self, *arguments: str | Path) -> list[list[str]]:
        """The file names of each group."""
        return [names(group) for group in self.json(*arguments)["groups"]]


def names(group: dict[str, Any]) -> list[str]:
    return [Path(picture["path"]).name for picture in group["pictures"]]


def indexed(pictures: Path, index: Path) -> Copies:
    bundle = make_bundle(index.parent / "bundles")
    result = call("index", pictures, "--index", index, "--encoder", bundle)
    assert result.exit_code == 0, result.stderr
    return Copies(pictures, index)


def draw_photo(seed: int) -> Image.Image:
    """Draw a face with light and shade at every scale, as photographs have and plain drawings lack."""
    picture = draw_picture(seed)
    random = np.random.default_rng(seed)
    shade = np.zeros((picture.height, picture.width))
    for cells in (3, 6, 12, 24):
        grain = Image.fromarray(random.normal(0, 40, (cells, cells)).astype(np.float32))
        shade += np.asarray(grain.resize(picture.size, Image.Resampling.BICUBIC))
    shaded = np.asarray(picture, np.float64) * 0.6 + 50 + shade[:, :, None]
    return Image.fromarray(np.clip(shaded, 0, 255).astype(np.uint8))


def save_copies(picture: Image.Image, folder: Path, name: str) -> None:
    """Save a picture as NAME.png, byte for byte the best one, and a copy for each of COPIES beside it."""
    width, height = picture.size
    best = folder / f"{name}.png"
    picture.save(best)
    shutil.copyfile(best, folder / f"{name}-same-bytes.png")
    picture.save(folder / f"{name}-other-bytes.jpg", quality=90)
    picture.save(folder / f"{name}-low-quality.webp", quality=50)
    picture.resize((width * 2 // 3, height * 2 // 3)).save(folder / f"{name}-small.jpg", quality=85)
    ImageOps.mirror(picture).save(folder / f"{name}-mirrored.jpg", quality=85)
    cropped = picture.crop((8, 2, width - 1, height - 9))
    cropped.save(folder / f"{name}-cropped.jpg", quality=85)
    ImageOps.mirror(cropped).save(folder / f"{name}-mirrored-and-cropped.jpg", quality=85)
    picture.transpose(Image.Transpose.ROTATE_180).save(folder / f"{name}-upside-down.jpg", quality=85)
    ImageEnhance.Brightness(picture).enhance(1.2).save(folder / f"{name}-bright.jpg", quality=85)


def draw_look_alikes(folder: Path) -> None:
    """Draw two moments of one scene, and a face with moved eyes: nearly the same, but different pictures."""
    for name, (x, y) in (("before", (10, 10)), ("after", (120, 150))):
        scene = draw_photo(50)
        ImageDraw.Draw(scene).ellipse([x, y, x + 50, y + 50], (30, 30, 60))
        scene.save(folder / f"scene-{name}.jpg", quality=95)
    for name, y in (("open", 100), ("closed", 118)):
        face = draw_photo(51)
        pen = ImageDraw.Draw(face)
        for x in (62, 102):
            pen.ellipse([x, y, x + 16, y + 10], (255, 255, 255), (0, 0, 0), 3)
        face.save(folder / f"face-{name}.jpg", quality=95)


def draw_pairs(folder: Path) -> None:
    """Draw four pictures, each with a copy that differs in one criterion of the ranking; "a" is the worse."""
    for number, part in enumerate(("pixels", "bytes", "age", "path")):
        picture = draw_photo(60 + number)
        better, worse = folder / f"{part}-b.jpg", folder / f"{part}-a.jpg"
        if part == "pixels":
            picture.save(worse, quality=99)
            picture.resize((190, 232)).save(better, quality=30)
        elif part == "bytes":
            picture.save(worse, quality=60)
            picture.save(better, quality=90)
        else:
            picture.save(better, quality=90)
            shutil.copyfile(better, worse)
        os.utime(worse, ns=(10**18, 10**18))
        os.utime(better, ns=(10**18 - 10**9, 10**18 - 10**9) if part == "age" else (10**18, 10**18))
    (folder / "path-b.jpg").rename(folder / "path-0.jpg")
