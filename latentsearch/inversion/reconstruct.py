"""Invert picture files: find codes by optimisation, generate the reconstructions, and measure their fit."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from indexer.encoders.encoder import load_encoder
from indexer.errors import EncoderError, InputError
from indexer.paths import printable
from indexer.progress import Report
from latentsearch.inversion.onnx_module import GraphGenerator, load_differentiable
from latentsearch.inversion.optimise import SCHEDULES, Method, cross_entropy, draw, invert, radius
from latentsearch.pictures import load_pictures
from latentsearch.search.contact_sheet import FORMATS
from latentsearch.training.datasets.images import to_float


@dataclass(frozen=True)
class Fit:
    """The fit of a code.

    difference: mean absolute difference between the generated picture and the original, on a scale of 0 to 255.
    cross_entropy: mean per value. length: Euclidean norm of the code.
    """

    difference: float
    cross_entropy: float
    length: float


@dataclass(frozen=True)
class Reconstruction:
    """The reconstruction of one picture.

    start_from: name of the encoder whose code is the start, or "random". start, end: fits before and after the search.
    radius: that of the prior's ball, None without a prior. seconds: duration of the search, which covers all pictures.
    code: float32 (d,). pixels: uint8 (h, w, 3).
    """

    image: str
    generator: str
    method: Method
    start_from: str
    seed: int
    steps: int
    learning_rate: float
    start: Fit
    end: Fit
    radius: float | None
    seconds: float
    code: NDArray[np.float32]
    pixels: NDArray[np.uint8]

    def to_json(self) -> dict[str, Any]:
        """Return all fields except the pixels as data for JSON."""
        plain = {**asdict(self), "code": [round(float(number), 6) for number in self.code]}
        del plain["pixels"]
        return plain


def reconstruct(
    images: Sequence[Path],
    bundle: str | Path | None = None,
    *,
    method: Method,
    encoder: str | Path | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    report: Report = lambda done, total: None,
) -> list[Reconstruction]:
    """Invert picture files in one search, with the framing of the generator's bundle.

    bundle: name or folder of the generator's bundle; None for the default. encoder: name or folder of the bundle whose
    codes are the start; None for random codes. steps, learning_rate: None for the method's defaults. Raises InputError
    if a picture is missing or there is no prior to draw a start from, UnreadableImage, EncoderError or MissingExtra.
    """
    for image in images:
        _check_picture(image)
    generator = load_differentiable(bundle)
    x = to_float(load_pictures(images, generator.framing))
    first = _start(images, generator, encoder, seed)
    schedule = SCHEDULES[method]
    steps = schedule.steps if steps is None else steps
    learning_rate = learning_rate or schedule.learning_rate
    began = time.perf_counter()
    found = invert(
        generator,
        x,
        latent_size=generator.latent_size,
        method=method,
        prior=generator.prior,
        start=first,
        steps=steps,
        learning_rate=learning_rate,
        report=report,
    )
    search = _Search(
        generator, method, str(encoder or "random"), seed, steps, learning_rate, time.perf_counter() - began
    )
    return [
        search.reconstruction(image, x[row : row + 1], first[row : row + 1], found.codes[row : row + 1])
        for row, image in enumerate(images)
    ]


@dataclass(frozen=True)
class _Search:
    """The data shared by all pictures of a search; the fields are those of Reconstruction."""

    generator: GraphGenerator
    method: Method
    start_from: str
    seed: int
    steps: int
    learning_rate: float
    seconds: float

    def reconstruction(self, image: Path, x: Tensor, first: Tensor, code: Tensor) -> Reconstruction:
        """Return the reconstruction of picture x (1, 3, h, w); first, code: initial and found code, (1, d) each."""
        _, start = _fit(self.generator, x, first)
        pixels, end = _fit(self.generator, x, code)
        longest = radius(self.generator.prior, self.generator.latent_size)
        return Reconstruction(
            image=str(image),
            generator=self.generator.name,
            method=self.method,
            start_from=self.start_from,
            seed=self.seed,
            steps=self.steps,
            learning_rate=self.learning_rate,
            start=start,
            end=end,
            radius=None if math.isinf(longest) else round(longest, 4),
            seconds=round(self.seconds, 3),
            code=code[0].numpy(),
            pixels=pixels,
        )


def targets(images: Sequence[Path], target: Path) -> list[Path]:
    """Return the reconstructions' paths: `target` itself for one picture, NAME.png in the folder `target` for several.

    Raises InputError if a path cannot be written to or two pictures would share one, before any work is done.
    """
    if len(images) == 1 and not target.is_dir():
        check_target(target)
        return [target]
    if not target.is_dir():
        raise InputError(f"{printable(target)} is not a folder: name one for the reconstructions of several pictures")
    found = [target / f"{image.stem}.png" for image in images]
    if len(set(found)) < len(found):
        raise InputError("two of the pictures have the same name: give their reconstructions a folder each")
    return found


def check_target(target: Path) -> None:
    """Raise InputError if a picture cannot be written to target: wrong file type or missing folder."""
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"cannot write a picture to {printable(target)}: end its name in {', '.join(FORMATS)}")
    if not target.parent.is_dir():
        raise InputError(f"cannot write a picture to {printable(target)}: there is no such folder")


def write_picture(pixels: NDArray[np.uint8], target: Path) -> None:
    """Write pixels uint8 (h, w, 3) to a picture file; raises InputError if that fails."""
    try:
        Image.fromarray(pixels).save(target)
    except OSError as error:
        raise InputError(f"cannot write {printable(target)}: {error.strerror or error}") from error


def _check_picture(image: Path) -> None:
    if image.is_dir():
        raise InputError(f"{printable(image)} is a folder: name one picture")
    if not image.exists():
        raise InputError(f"there is no picture at {printable(image)}: check the path")


def _start(images: Sequence[Path], generator: GraphGenerator, encoder: str | Path | None, seed: int) -> Tensor:
    if encoder is not None:
        return _encode(images, generator, encoder)
    try:
        return draw(generator.prior, len(images), generator.latent_size, seed)
    except ValueError as error:
        raise InputError(f"{error} by --start ENCODER") from error


def _encode(images: Sequence[Path], generator: GraphGenerator, name: str | Path) -> Tensor:
    """Encode the pictures as input for the generator: (n, latent_size).

    Raises EncoderError for encoders with cosine distance: their codes are whitened and scaled to length 1, and the
    original length cannot be recovered.
    """
    encoder = load_encoder(name)
    if encoder.distance != "euclidean":
        raise EncoderError(
            f"encoder {encoder.name} whitens its codes and brings them to length 1, which no generator takes: export "
            "its training run with `latentsearch export RUN -o BUNDLE --distance euclidean` and start from that bundle"
        )
    if encoder.latent_size != generator.latent_size:
        raise EncoderError(
            f"encoder {encoder.name} gives codes of {encoder.latent_size} numbers where the generator takes "
            f"{generator.latent_size}: start from the encoder that was trained with it"
        )
    return torch.from_numpy(encoder.encode(load_pictures(images, encoder.framing)))


@torch.no_grad()
def _fit(generator: GraphGenerator, x: Tensor, z: Tensor) -> tuple[NDArray[np.uint8], Fit]:
    generated = generator(z)
    fit = Fit(
        difference=round(float((generated - x).abs().mean() * 255), 4),
        cross_entropy=round(float(cross_entropy(x, generated)) / x.numel(), 6),
        length=round(float(z.norm()), 4),
    )
    pixels: NDArray[np.uint8] = (generated[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    return pixels, fit
