"""A miniature CelebA whose attributes can be seen in the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ATTRIBUTES = ("Red_Background", "Large", "Dark")
TRAIN, VALIDATION = 64, 32


def draw_face(number: int) -> Image.Image:
    """Draw a disc; bit j of `number` is ATTRIBUTES[j], and the remaining bits move the disc by a pixel or two."""
    red, large, dark = (number >> bit & 1 for bit in range(3))
    random = np.random.default_rng(number)
    picture = Image.new("RGB", (178, 218), (220, 40, 40) if red else (40, 40, 220))
    x, y = random.integers((87, 112), (92, 117))
    radius = 60 if large else 25
    fill = (60, 50, 40) if dark else (230, 220, 200)
    ImageDraw.Draw(picture).ellipse([x - radius, y - radius, x + radius, y + radius], fill)
    return picture


def make_drawn_celeba(folder: Path) -> Path:
    """Write 64 train and 32 validation faces; faces that look alike show one person."""
    pictures = folder / "img_align_celeba"
    pictures.mkdir(parents=True)
    numbers = range(TRAIN + VALIDATION)
    names = [f"{number + 1:06}.jpg" for number in numbers]
    for number, name in zip(numbers, names, strict=True):
        draw_face(number).save(pictures / name, quality=90)
    signs = [" ".join("1" if number >> bit & 1 else "-1" for bit in range(3)) for number in numbers]
    lines = {
        "list_attr_celeba.txt": [str(len(names)), " ".join(ATTRIBUTES)]
        + [f"{name} {sign}" for name, sign in zip(names, signs, strict=True)],
        "list_eval_partition.txt": [f"{name} {int(number >= TRAIN)}" for number, name in enumerate(names)],
        "identity_CelebA.txt": [f"{name} {number % 8 + 1}" for number, name in enumerate(names)],
    }
    for name, rows in lines.items():
        (folder / name).write_text("\n".join(rows) + "\n")
    return folder
