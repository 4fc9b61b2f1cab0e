"""Makes copies of pictures as collections contain them: re-encoded, resized, flipped, cropped, brightened, turned."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

STRENGTHS = Path(__file__).with_name("copies.toml")
KNOWN, LOOK_ALIKES = "known", "look-alikes"

Random = np.random.Generator
Strength = dict[str, Any]
# A copy's file name -> its original's name and the kind of copy.
Planted = dict[str, tuple[str, str]]


def load_strengths() -> dict[str, Strength]:
    """The strength of each kind of change: kind -> its settings."""
    stored = tomllib.loads(STRENGTHS.read_text(encoding="utf-8"))
    return {kind: strength for kind, strength in stored.items() if kind not in (KNOWN, LOOK_ALIKES)}


def known_copies() -> frozenset[frozenset[str]]:
    """Pairs of CelebA file names that show the same photograph, confirmed by eye."""
    stored = tomllib.loads(STRENGTHS.read_text(encoding="utf-8"))
    return frozenset(frozenset(pair) for pair in stored[KNOWN]["pairs"])


def plant(originals: Sequence[Path], folder: Path, seed: int) -> Planted:
    """Write a copy of each original into a new folder, cycling through the kinds."""
    folder.mkdir(parents=True)
    strengths = load_strengths()
    kinds = list(strengths)
    planted: Planted = {}
    for number, original in enumerate(originals):
        kind = kinds[number % len(kinds)]
        random = np.random.default_rng([seed, number])
        with Image.open(original) as picture:
            path = CHANGES[kind](picture.convert("RGB"), folder / f"{kind}-{original.stem}", random, strengths[kind])
        planted[path.name] = (original.name, kind)
    return planted


def _re_encoded(picture: Image.Image, target: Path, random: Random, strength: Strength) -> Path:
    chosen = str(random.choice(strength["formats"]))
    path = target.with_suffix({"JPEG": ".jpg", "WEBP": ".webp", "PNG": ".png"}[chosen])
    picture.save(path, chosen, quality=int(random.integers(*strength["quality"])))
    return path


def _resized(picture: Image.Image, target: Path, random: Random, strength: Strength) -> Path:
    scale = random.uniform(*strength["scale"])
    size = round(picture.width * scale), round(picture.height * scale)
    return _saved(picture.resize(size, Image.Resampling.LANCZOS), target)


def _flipped(picture: Image.Image, target: Path, random: Random, strength: Strength) -> Path:
    return _saved(ImageOps.mirror(picture), target, strength["quality"])


def _cropped(picture: Image.Image, target: Path, random: Random, strength: Strength) -> Path:
    share = random.uniform(*strength["share"])
    width, height = round(picture.width * share), round(picture.height * share)
    left = int(random.integers(picture.width - width + 1))
    top = int(random.integers(picture.height - height + 1))
    return _saved(picture.crop((left, top, left + width, top + height)), target)


def _brightened(picture: Image.Image, target: Path, random: Random, strength: Strength) -> Path:
    return _saved(ImageEnhance.Brightness(picture).enhance(random.uniform(*strength["factor"])), target)


def _turned(picture: Image.Image, target: Path, random: Random, strength: Strength) -> Path:
    how = {
        "90": Image.Transpose.ROTATE_270,
        "180": Image.Transpose.ROTATE_180,
        "270": Image.Transpose.ROTATE_90,
        "upside down": Image.Transpose.FLIP_TOP_BOTTOM,
    }
    return _saved(picture.transpose(how[str(random.choice(strength["how"]))]), target, strength["quality"])


def _saved(picture: Image.Image, target: Path, quality: int = 90) -> Path:
    path = target.with_suffix(".jpg")
    picture.save(path, quality=quality)
    return path


CHANGES: dict[str, Callable[[Image.Image, Path, Random, Strength], Path]] = {
    "re-encoded": _re_encoded,
    "resized": _resized,
    "flipped": _flipped,
    "cropped": _cropped,
    "brightened": _brightened,
    "turned": _turned,
}
