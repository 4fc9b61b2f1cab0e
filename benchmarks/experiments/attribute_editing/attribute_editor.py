"""Edits faces with IcGAN, judges them with Anet, and draws sheets of the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.utils import save_image

from benchmarks.judges.attribute_judge import AttributeJudge
from benchmarks.judges.attribute_scores import Seen
from benchmarks.judges.inverters import in_blocks
from indexer.errors import InputError
from latentsearch.inversion.optimise import draw
from latentsearch.training.engine.trained import Trained

STEPS = 8
SHOWN = 8


@dataclass(frozen=True)
class Coded:
    """Faces as the encoders see them: z (n, d) and y (n, labels), G(z, y), and Anet's predictions for G(z, y)."""

    z: Tensor
    y: Tensor
    images: Tensor
    seen: Seen

    def __len__(self) -> int:
        return len(self.z)


class Editor:
    """A run of icgan and a judge. Raises InputError if they were trained on different labels."""

    def __init__(self, trained: Trained, judge: AttributeJudge) -> None:
        if trained.attributes is None or trained.generator is None or trained.labels != judge.labels:
            raise InputError(f"the judge {judge.run} and the run were trained on different labels: name a run of icgan")
        self.judge, self.labels, self.latent_size = judge, trained.labels, trained.latent_size
        self._encoder, self._attributes, self._generator = trained.encoder, trained.attributes, trained.generator

    def draw(self, z: Tensor, y: Tensor) -> Tensor:
        """G(z, y)."""
        return in_blocks(self._generator, torch.cat([z, y], 1))

    def code(self, x: Tensor) -> Coded:
        """Encode images (n, 3, h, w) in [0, 1] and reconstruct them."""
        z, y = in_blocks(self._encoder, x), in_blocks(self._attributes, x)
        return self.coded(z, y)

    def coded(self, z: Tensor, y: Tensor) -> Coded:
        """Generate images from codes and labels, and predict their attributes."""
        images = self.draw(z, y)
        return Coded(z, y, images, self.judge.sees(images))


def partners(count: int, seed: int) -> NDArray[np.int64]:
    """The index of another, random face for each face: int64 (count,)."""
    order = np.random.default_rng([seed, 4]).permutation(count)
    partners = np.empty(count, np.int64)
    partners[order] = np.roll(order, 1)
    return partners


def save_generated_grid(editor: Editor, asked: tuple[str, ...], path: Path, seed: int) -> None:
    """Write generated faces, one row per code: with a training face's labels, then with each asked one flipped."""
    columns = [editor.labels.index(name) for name in asked if name in editor.labels]
    rows = []
    images = editor.judge.images
    y = images.all_labels()[np.random.default_rng([seed, 5]).integers(len(images), size=SHOWN)]
    for z, own in zip(draw("gaussian", SHOWN, editor.latent_size, seed), y, strict=True):
        labels = own.repeat(len(columns) + 1, 1)
        for row, column in enumerate(columns, 1):
            labels[row, column] = 1 - own[column]
        rows.append(editor.draw(z.repeat(len(labels), 1), labels))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(torch.cat(rows), path, nrow=len(columns) + 1)


def save_face_grids(editor: Editor, x: Tensor, faces: Coded, asked: tuple[str, ...], folder: Path, seed: int) -> None:
    """Write Figs 5b, 6a and 6b with real faces, into a folder that git ignores."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = [editor.labels.index(name) for name in asked if name in editor.labels]
    some, others = slice(0, SHOWN), partners(len(faces), seed)[:SHOWN]
    changed = []
    for column in columns:
        y = faces.y[some].clone()
        y[:, column] = torch.from_numpy(1 - faces.seen[some, column].astype(np.float32))
        changed.append(editor.draw(faces.z[some], y))
    _save(folder / "fig-5b.png", [x[some], faces.images[some], *changed])
    shares = torch.linspace(0, 1, STEPS + 1)
    z, y, last_z, last_y = faces.z[some], faces.y[some], faces.z[others], faces.y[others]
    blends = [editor.draw(torch.lerp(z, last_z, share), torch.lerp(y, last_y, share)) for share in shares]
    _save(folder / "fig-6a.png", [x[some], *blends, x[others]])
    swapped = [editor.draw(z, last_y), editor.draw(last_z, y)]
    _save(folder / "fig-6b.png", [x[some], faces.images[some], swapped[0], x[others], faces.images[others], swapped[1]])


def _save(path: Path, columns: list[Tensor]) -> None:
    save_image(torch.stack(columns, 1).flatten(0, 1), path, nrow=len(columns))
