"""Sheets of reconstructions by latent size (Figs 5 to 8 and 12): originals, autoencoders, WGAN-GPs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.experiments.latent_size.models import FAMILIES
from benchmarks.judges.inverters import to_images
from latentsearch.training.engine.image_grids import save_image_grid

if TYPE_CHECKING:
    from benchmarks.experiments.latent_size.study import Study

PROBES = ("train", "validation", "shifted by 4", "CIFAR-10", "noise")


def save_image_grids(study: Study, folder: Path, name: str) -> dict[str, list[str]]:
    """Write NAME-PROBE.png into the folder for every measured probe; return file -> titles of its columns.

    One row per image; the first column is the original, then one per size, autoencoders first.
    """
    written = {}
    for probe in PROBES:
        found = columns(study, probe)
        if found:
            path = folder / f"{name}-{probe.replace(' ', '-').lower()}.png"
            shown = torch.stack([to_images(pixels) for pixels in found.values()], 1)
            save_image_grid(path, shown.flatten(0, 1), len(found))
            written[path.name] = list(found)
    return written


def columns(study: Study, probe: str) -> dict[str, NDArray[np.uint8]]:
    """Title -> images uint8 (n, h, w, 3); empty if no model was measured on the probe."""
    keys = {f"{family} {size}": f"{family}-{size}-{study.seed}" for family in FAMILIES for size in study.settings.sizes}
    paths = {title: study.shown(probe, key) for title, key in keys.items()}
    found = {title: np.load(path, allow_pickle=False) for title, path in paths.items() if path.exists()}
    original = study.shown(probe, "data")
    return {"original": np.load(original, allow_pickle=False)} | found if found and original.exists() else {}
