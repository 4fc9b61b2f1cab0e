"""How well do the bundles' encoders invert their generators, and how realistic are the generators' pictures?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.inversion.earlier import with_own_codes
from benchmarks.experiments.inversion.page import table
from benchmarks.judges.realism import FaceFeatures, frechet_distance
from benchmarks.methods.dhash import dhash_bits, similarity
from benchmarks.methods.encoders import import_torch
from indexer.encoders.attributes import load_attribute_encoder
from indexer.encoders.encoder import available_encoders, find_bundle, read_model
from indexer.encoders.framing import Framing
from indexer.encoders.generator import Generator, Inverse, load_generator, load_inverse
from indexer.errors import EncoderError

NAME = "inversion"
SHOWN = 64
# Each set of random draws has its own stream.
SAMPLES, CODES, REAL = 1, 2, 3


def measure(bundle: str, faces: Faces, realism: Realism, generated: int, seed: int) -> dict[str, Any]:
    """Measure one bundle: the distance of its samples from real faces, and, if it has an inverse, G(E(x))."""
    generator, model = load_generator(bundle), read_model(find_bundle(bundle))
    row = {
        "bundle": model["name"],
        "family": model.get("family"),
        "sha256": {name: facts["sha256"] for name, facts in model["files"].items()},
        "prior": generator.prior,
        "frechet": realism.of(generator, seed),
    }
    try:
        inverse = load_inverse(bundle)
    except EncoderError:
        return row
    redrawn = generator.generate(encode(bundle, inverse, generator, faces.pixels(inverse.framing)))
    # Some generators draw smaller pictures than their encoders see.
    height, width = redrawn.shape[1:3]
    row["real"] = _alike(faces.pixels(Framing(width, height, inverse.framing.crops)), redrawn)
    if generator.prior != "none":
        codes = generator.draw_codes(np.random.default_rng([seed, CODES]), generated)
        pictures = generator.generate(codes)
        found = encode(bundle, inverse, generator, pictures)
        own = slice(inverse.latent_size)  # without labels
        statistics = compare_codes(codes[:, own], found[:, own], generator.prior)
        row["generated"] = _alike(pictures, generator.generate(found)) | statistics
    return row


def encode(bundle: str, inverse: Inverse, generator: Generator, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """E(x), for a conditional generator with the labels that the bundle's attribute encoder computes."""
    codes = inverse.invert(pixels)
    if not generator.labels:
        return codes
    return np.concatenate([codes, load_attribute_encoder(bundle).values(pixels)], 1)


def _alike(pixels: NDArray[np.uint8], redrawn: NDArray[np.uint8]) -> dict[str, Any]:
    """The squared error of a colour value in [0, 1], and the mean dHash similarity."""
    error = np.square((pixels.astype(np.float32) - redrawn) / 255).mean(dtype=np.float64)
    alike = similarity(dhash_bits(pixels), dhash_bits(redrawn))
    return {"pictures": len(pixels), "squared_error": round(float(error), 5), "dhash": round(float(alike.mean()), 5)}


def compare_codes(codes: NDArray[np.float32], found: NDArray[np.float32], prior: str) -> dict[str, float]:
    """The statistics that training logs, of drawn and recovered codes, and the prior's and the codes' mean lengths."""
    torch = import_torch()
    from latentsearch.training.engine.divergence import CodeStatistics

    statistics = CodeStatistics.of(torch.from_numpy(codes), torch.from_numpy(found), prior).to_json()
    lengths = {"prior_length": np.linalg.norm(codes, axis=1).mean(), "length": np.linalg.norm(found, axis=1).mean()}
    return {name: round(float(value), 5) for name, value in {**statistics, **lengths}.items()}


class Realism:
    """Frechet distances from real training faces, over the features of a network trained on other pictures."""

    def __init__(self, faces: Faces, count: int, seed: int) -> None:
        """count: the number of faces, and of samples of each generator."""
        self.count = min(count, len(faces) // 2)
        self._features = FaceFeatures()
        order = np.random.default_rng([seed, REAL]).permutation(len(faces))
        pixels = faces.pixels()
        self._real, others = (self._features.of(pixels[np.sort(rows)]) for rows in np.split(order[: 2 * self.count], 2))
        self.floor = round(frechet_distance(others, self._real), 2)

    def of(self, generator: Generator, seed: int) -> float | None:
        """The distance of a generator's samples; None if it has no prior to draw from."""
        if generator.prior == "none":
            return None
        codes = generator.draw_codes(np.random.default_rng([seed, SAMPLES]), self.count)
        return round(frechet_distance(self._features.of(generator.generate(codes)), self._real), 2)


def generating_bundles() -> list[str]:
    """The names of the bundles with a generator."""
    return [model["name"] for _, model in available_encoders() if "generator" in model]


def save_samples(bundle: str, path: Path, seed: int) -> None:
    """Draw a sheet of SHOWN unselected samples, 8 in a row."""
    from PIL import Image

    pictures = np.stack(list(load_generator(bundle).draw(SHOWN, seed)))
    rows = pictures.reshape(-1, 8, *pictures.shape[1:])
    Image.fromarray(np.concatenate([np.concatenate(list(row), 1) for row in rows])).save(path, optimize=True)


@experiment(NAME)
@faces_option
@click.option("--bundle", "bundles", multiple=True, help="An encoder's name or folder; may be repeated. [all]")
@click.option("--before", help="A bundle of an earlier version, for comparison.")
@click.option("--generated", default=2_000, show_default=True, help="Generated faces to invert.")
@click.option("--samples", default=5_000, show_default=True, help="Samples, and real faces to compare them with.")
@click.option("--seed", default=0, show_default=True, help="Seed of codes and of the choice of faces.")
@results_option
def command(
    data: Path, bundles: Sequence[str], before: str | None, generated: int, samples: int, seed: int, results: Path
) -> None:
    """Measure how realistic the bundles' generators are and how well their encoders invert them.

    Inverters see generated faces, whose codes are known, and all faces of the validation partition.
    """
    realism = Realism(load_faces(data, "train"), samples, seed)
    faces = load_faces(data, "validation")
    names = list(bundles) or generating_bundles()
    rows = [measure(name, faces, realism, generated, seed) for name in names]
    if before is not None:
        with TemporaryDirectory() as folder:
            earlier = with_own_codes(before, Path(folder) / "bundle")
            rows.append(measure(earlier, faces, realism, generated, seed) | {"before": True})
    real = faces.pixels()
    mean = np.square((real - real.mean(0)) / 255).mean(dtype=np.float64)
    result = {
        "seed": seed,
        "samples": realism.count,
        "floor": realism.floor,
        "mean_picture_error": round(float(mean), 5),
        "rows": rows,
    }
    click.echo(table(result))
    results.mkdir(parents=True, exist_ok=True)
    drawing = [name for name, row in zip(names, rows, strict=False) if row["frechet"] is not None]
    result["sheet"] = drawing[0] if drawing else None
    if drawing:
        save_samples(drawing[0], results / f"{NAME}-samples.png", seed)
    publish(NAME, result, results)
