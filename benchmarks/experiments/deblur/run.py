"""Do encoder and generator restore blurred pictures? AEGAN's Fig. 5 in figures, against the width of the blur."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.core.results import PICTURES
from benchmarks.datasets.celeba import load_faces
from benchmarks.experiments.deblur.page import summary_tables
from benchmarks.methods.dhash import dhash_bits, similarity
from benchmarks.methods.encoders import import_torch
from indexer.errors import MissingExtra

if TYPE_CHECKING:
    from benchmarks.judges.inverters import Inverter

NAME = "deblur"
SIGMAS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)  # in pixels of the framed picture
SHOWN_SIGMAS = (1.0, 2.0, 4.0, 8.0)
SHOWN, RESAMPLES = 8, 1_000
# With 8 bits per channel, no two different 64x64 pictures have a higher PSNR.
HIGHEST_PSNR = 90.0

Pixels = NDArray[np.uint8]
Measure = Callable[[Pixels, Pixels], metrics.Floats]


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of pictures (n, h, w, 3), sigma in pixels, edges repeated; sigma 0 returns them unchanged.

    Raises MissingExtra if scikit-image is not installed.
    """
    gaussian = import_skimage().filters.gaussian
    options: dict[str, Any] = {"mode": "nearest", "channel_axis": -1, "preserve_range": True}
    return np.stack([gaussian(picture, sigma, **options).round().astype(np.uint8) for picture in pixels])


def psnr(originals: Pixels, pictures: Pixels) -> metrics.Floats:
    """Peak signal-to-noise ratio in dB, with peak 255: (n,); HIGHEST_PSNR for equal pictures."""
    errors = np.square(originals.astype(np.float64) - pictures).mean(axis=(1, 2, 3))
    return np.asarray(np.minimum(10 * np.log10(255**2 / np.maximum(errors, 1e-9)), HIGHEST_PSNR))


def ssim(originals: Pixels, pictures: Pixels) -> metrics.Floats:
    """Structural similarity of Wang et al. (2004), averaged over the channels: (n,)."""
    compare = import_skimage().metrics.structural_similarity
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = zip(originals, pictures, strict=True)
    return np.array([compare(a, b, channel_axis=-1, data_range=255, **options) for a, b in pairs])


def import_skimage() -> Any:
    """Import skimage. Raises MissingExtra if it is not installed."""
    try:
        import skimage
    except ImportError as error:
        raise MissingExtra("scikit-image is not installed: pip install 'latentsearch[bench]'") from error
    return skimage


def dhash(originals: Pixels, pictures: Pixels) -> metrics.Floats:
    """dHash similarity, the share of equal bits: (n,)."""
    return similarity(dhash_bits(originals), dhash_bits(pictures))


MEASURES: dict[str, Measure] = {"psnr": psnr, "ssim": ssim, "dhash": dhash}


def measure(inverter: Inverter, originals: Pixels) -> dict[str, metrics.Floats]:
    """Closeness of blurred pictures and of their reconstructions to the originals.

    Returns MEASURE_blurred and MEASURE_reconstructed, each float64 (len(SIGMAS), n).
    """
    measured: dict[str, list[metrics.Floats]] = {}
    for sigma in SIGMAS:
        blurred = blur(originals, sigma)
        for what, pictures in {"blurred": blurred, "reconstructed": reconstruct(inverter, blurred)}.items():
            for name, compare in MEASURES.items():
                measured.setdefault(f"{name}_{what}", []).append(compare(originals, pictures))
    return {name: np.stack(rows) for name, rows in measured.items()}


def reconstruct(inverter: Inverter, pixels: Pixels) -> Pixels:
    """G(IG(x)) for each picture."""
    from benchmarks.judges.inverters import to_images, to_pixels

    return to_pixels(inverter.reconstruct(to_images(pixels)))


def summarise(measured: dict[str, metrics.Floats], seed: int) -> dict[str, Any]:
    """By measure: means with intervals by width, their difference, and the width from which it stays above 0."""
    weights = metrics.bootstrap_weights(measured["psnr_blurred"].shape[1], RESAMPLES, seed)
    return {
        name: _summary(measured[f"{name}_blurred"], measured[f"{name}_reconstructed"], weights) for name in MEASURES
    }


def _summary(blurred: metrics.Floats, reconstructed: metrics.Floats, weights: metrics.Floats) -> dict[str, Any]:
    rows = {"blurred": blurred, "reconstructed": reconstructed, "gain": reconstructed - blurred}
    scores = {name: [_score(values, weights) for values in by_sigma] for name, by_sigma in rows.items()}
    return scores | {"closer_from": closer_from([score["interval"][0] for score in scores["gain"]])}


def _score(values: metrics.Floats, weights: metrics.Floats) -> dict[str, Any]:
    return {"mean": round(float(values.mean()), 5), "interval": metrics.interval(weights @ values)}


def closer_from(lows: list[float]) -> float | None:
    """The smallest width from which the gain's interval stays above 0, or None if it is not above 0 at the largest."""
    found = None
    for sigma, low in zip(reversed(SIGMAS), reversed(lows), strict=True):
        if low <= 0:
            break
        found = sigma
    return found


def save_image_grid(inverter: Inverter, originals: Pixels, path: Path) -> list[str]:
    """Write originals, and for some widths the blurred pictures and reconstructions; return the rows' titles."""
    import torch
    from torchvision.utils import save_image

    from benchmarks.judges.inverters import to_images

    rows, titles = [originals[:SHOWN]], ["originals"]
    for sigma in SHOWN_SIGMAS:
        blurred = blur(originals[:SHOWN], sigma)
        rows += [blurred, reconstruct(inverter, blurred)]
        titles += [f"blurred by {sigma:g} px", "reconstructed from those"]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(torch.cat([to_images(row) for row in rows]), path, nrow=SHOWN)
    return titles


@experiment(NAME)
@faces_option
@click.option("--run", required=True, type=click.Path(path_type=Path), help="A training run of AEGAN.")
@click.option(
    "--images",
    type=click.IntRange(SHOWN),
    default=500,
    show_default=True,
    help="Number of generated and of real pictures.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of codes and resamples.")
@results_option
@click.option(
    "--pictures", type=click.Path(path_type=Path), default=PICTURES, help="Folder for the sheet of real faces."
)
def command(data: Path, run: Path, images: int, seed: int, results: Path, pictures: Path) -> None:
    """Blur generated pictures and validation faces, reconstruct them, and compare both with the originals."""
    import_torch()
    from benchmarks.judges.inverters import load_inverter, to_pixels

    inverter = load_inverter(run)
    originals = {
        "generated": to_pixels(inverter.generate(images, seed)),
        "real": np.array(load_faces(data, "validation").pixels(inverter.trained.framing)[:images]),
    }
    measured = {origin: measure(inverter, pixels) for origin, pixels in originals.items()}
    store_raw(measured, results)
    result: dict[str, Any] = {
        "seed": seed,
        "images": {origin: len(pixels) for origin, pixels in originals.items()},
        "sigmas": list(SIGMAS),
        "resamples": RESAMPLES,
        "inverter": {"key": inverter.key, "name": inverter.name, "run": inverter.facts},
        "originals": {origin: summarise(values, seed) for origin, values in measured.items()},
        "sheet": save_image_grid(inverter, originals["generated"], results / f"{NAME}-sheet.png"),
    }
    save_image_grid(inverter, originals["real"], pictures / f"{NAME}-real.png")
    click.echo("\n\n".join(summary_tables(result)))
    publish(NAME, result, results)


def store_raw(measured: dict[str, dict[str, metrics.Floats]], folder: Path) -> None:
    """Write every picture's values to deblur.npz: ORIGINALS_MEASURE_blurred and _reconstructed, (len(SIGMAS), n)."""
    arrays = {f"{origin}_{name}": values for origin, by_name in measured.items() for name, values in by_name.items()}
    folder.mkdir(parents=True, exist_ok=True)
    rounded = {name: np.asarray(values, np.float32) for name, values in arrays.items()}
    np.savez_compressed(folder / f"{NAME}.npz", allow_pickle=False, **rounded)
