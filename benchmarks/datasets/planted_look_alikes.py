"""Makes pictures that resemble a face but are not copies of it, and counts those reported as duplicates."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.datasets.planted_copies import LOOK_ALIKES, STRENGTHS, Planted, Random, Strength
from indexer.encoders.encoder import load_encoder
from indexer.index.writer import IndexWriter
from indexer.pipeline.run import index_folders
from latentsearch.duplicates.find import find_duplicates
from latentsearch.duplicates.results import EXACT, SAME, Copy

# These kinds write two files per face, which duplicate search must tell apart from each other too.
IN_PAIRS = ("first frames", "first pages")

# Arguments: the picture, other pictures, the file to write (without suffix), the random generator, the strength.
Make = Callable[[Image.Image, Sequence[Image.Image], Path, Random, Strength], Path]


def find_look_alikes(faces: Sequence[Path], count: int, scratch: Path, seed: int) -> dict[str, Any]:
    """Plant look-alikes of faces, run duplicate search on both, and count the look-alikes reported as duplicates."""
    planted = plant_look_alikes(faces, count, scratch / "pictures", seed)
    encoder = load_encoder()
    with IndexWriter.create(scratch / "index", encoder) as index:
        index_folders(index, encoder, [scratch / "pictures"])
    groups = find_duplicates(str(scratch / "index")).groups
    return {
        "planted": len(planted),
        "faces": len({original for original, _ in planted.values()}),
        "kinds": _judged(groups, planted),
    }


def plant_look_alikes(faces: Sequence[Path], count: int, folder: Path, seed: int) -> Planted:
    """Write faces and look-alikes of them into a new folder, cycling through the kinds."""
    folder.mkdir(parents=True)
    strengths: dict[str, Any] = tomllib.loads(STRENGTHS.read_text(encoding="utf-8"))[LOOK_ALIKES]
    random = np.random.default_rng(seed)
    coloured = _coloured([faces[row] for row in random.permutation(len(faces))], strengths["colour"])
    planted: Planted = {}
    while len(planted) < count:
        for kind, make in MAKE.items():
            path = next(coloured)
            picture = _read(path)
            picture.save(folder / f"{path.stem}.png")
            for number in range(2 if kind in IN_PAIRS else 1):
                others = [_read(faces[row]) for row in random.choice(len(faces), 4)]
                target = folder / f"{kind.replace(' ', '-')}-{number}-{path.stem}"
                made = make(picture, others, target, random, strengths[kind] | {"quality": strengths["quality"]})
                planted[made.name] = (path.name, kind)
    return planted


def _judged(groups: Sequence[Sequence[Copy]], planted: Planted) -> dict[str, dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {
        kind: {"planted": 0, "called_same": 0, "called": Counter()} for kind in dict.fromkeys(MAKE)
    }
    for _, kind in planted.values():
        kinds[kind]["planted"] += 1
    for group in groups:
        names = {copy.image.id: Path(copy.image.path).name for copy in group}
        for copy in group[1:]:
            of = names[group[0].image.id if copy.twin is None else copy.twin]
            for name in {names[copy.image.id], of} & set(planted):
                found = kinds[planted[name][1]]
                if copy.kind in (SAME, EXACT):
                    found["called_same"] += 1
                else:
                    found["called"][copy.kind] += 1
    return {kind: found | {"called": dict(found["called"])} for kind, found in kinds.items()}


def _coloured(faces: Sequence[Path], least: float) -> Iterator[Path]:
    """Skip faces without colour: changing the hue of a grey picture does nothing."""
    for path in faces:
        _, blue, red = _read(path).convert("YCbCr").split()
        if np.mean([np.abs(np.asarray(part, np.float64) - 128).mean() for part in (blue, red)]) >= least:
            yield path


def _read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _hue(picture: Image.Image, _: Sequence[Image.Image], target: Path, random: Random, strength: Strength) -> Path:
    turn = np.exp(1j * np.radians(random.uniform(*strength["degrees"])))
    return _saved(_with_colours(picture, lambda colours: colours * turn), target, strength)


def _part(picture: Image.Image, _: Sequence[Image.Image], target: Path, random: Random, strength: Strength) -> Path:
    mask = _ellipse(picture.size, random, strength["share"])
    away = random.uniform(*strength["distance"]) * np.exp(1j * random.uniform(0, 2 * np.pi))
    return _saved(
        Image.composite(_with_colours(picture, lambda colours: colours + away), picture, mask), target, strength
    )


def _grey(picture: Image.Image, _: Sequence[Image.Image], target: Path, random: Random, strength: Strength) -> Path:
    return _saved(picture.convert("L"), target, strength)


def _frames(
    picture: Image.Image, others: Sequence[Image.Image], target: Path, random: Random, strength: Strength
) -> Path:
    path = target.with_suffix(".webp")
    more = others[: int(random.integers(*strength["frames"]))]
    picture.save(path, save_all=True, append_images=more, duration=100, quality=strength["quality"])
    return path


def _pages(
    picture: Image.Image, others: Sequence[Image.Image], target: Path, random: Random, strength: Strength
) -> Path:
    path = target.with_suffix(".tif")
    more = others[: int(random.integers(*strength["pages"]))]
    picture.save(path, save_all=True, append_images=more, compression="tiff_adobe_deflate")
    return path


def _alpha(picture: Image.Image, _: Sequence[Image.Image], target: Path, random: Random, strength: Strength) -> Path:
    seen = picture.copy()
    seen.putalpha(_ellipse(picture.size, random, strength["share"]))
    path = target.with_suffix(".png")
    seen.save(path)
    return path


def _with_colours(picture: Image.Image, change: Callable[[Any], Any]) -> Image.Image:
    """Change the colours and keep the brightness; change: a function of colours as complex numbers, grey being 0."""
    luma, blue, red = picture.convert("YCbCr").split()
    changed = change((np.asarray(blue, np.float64) - 128) + 1j * (np.asarray(red, np.float64) - 128))
    parts = (Image.fromarray((part + 128).clip(0, 255).astype(np.uint8)) for part in (changed.real, changed.imag))
    return Image.merge("YCbCr", (luma, *parts)).convert("RGB")


def _ellipse(size: tuple[int, int], random: Random, shares: tuple[float, float]) -> Image.Image:
    """A white ellipse at a random place on black."""
    mask = Image.new("L", size, 0)
    across, down = (side * random.uniform(*shares) for side in size)
    left, top = random.uniform(0, size[0] - across), random.uniform(0, size[1] - down)
    ImageDraw.Draw(mask).ellipse((left, top, left + across, top + down), 255)
    return mask


def _saved(picture: Image.Image, target: Path, strength: Strength) -> Path:
    path = target.with_suffix(".jpg")
    picture.save(path, quality=strength["quality"])
    return path


MAKE: dict[str, Make] = {
    "hue": _hue,
    "colour of a part": _part,
    "grey": _grey,
    "first frames": _frames,
    "first pages": _pages,
    "alpha": _alpha,
}
