"""Can IcGAN redraw a test digit as each of the ten digits (Fig. 5a)? The digit is read, and the slant compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.experiments.digit_editing.page import table
from benchmarks.methods.encoders import import_torch
from indexer.errors import InputError
from latentsearch.data.digits import Digits, load_digits
from latentsearch.training.datasets.labelled import DIGITS

if TYPE_CHECKING:
    from torch import Tensor

    from latentsearch.training.engine.trained import Trained

NAME = "digit-editing"
CLASSIFIER_EPOCHS, RESAMPLES, SHOWN = 3, 1_000, 10

Pixels = NDArray[np.uint8]


def load_digit_run(run: Path) -> Trained:
    """Load a run of icgan on digits. Raises InputError for any other run."""
    from latentsearch.training.engine.trained import load_trained

    trained, _ = load_trained(run, terms="")
    if trained.labels != DIGITS or trained.generator is None:
        raise InputError(f"{run} holds no run of icgan on digits: train one on mnist.npz")
    return trained


def drawn_as_each(trained: Trained, z: Tensor) -> NDArray[np.uint8]:
    """Codes z (n, d) generated as every digit: uint8 (10, n, 28, 28)."""
    import torch

    from benchmarks.judges.inverters import in_blocks

    assert trained.generator is not None
    labels = torch.eye(len(DIGITS))
    drawn = [in_blocks(trained.generator, torch.cat([z, one.expand(len(z), -1)], 1))[:, 0] for one in labels]
    pixels: Pixels = (torch.stack(drawn) * 255).round().to(torch.uint8).numpy()
    return pixels


def slants(images: Pixels) -> metrics.Floats:
    """The slant of digits (n, 28, 28), in columns per row of pixels, from the moments of their ink; 0 without ink."""
    ink = images.astype(np.float64)
    whole = np.maximum(ink.sum(axis=(1, 2)), 1e-9)
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    down = rows - ((ink * rows).sum(axis=(1, 2)) / whole)[:, None, None]
    across = columns - ((ink * columns).sum(axis=(1, 2)) / whole)[:, None, None]
    variance = (ink * down**2).sum(axis=(1, 2))
    return np.asarray((ink * down * across).sum(axis=(1, 2)) / np.maximum(variance, 1e-9), np.float64)


def measure(trained: Trained, train: Digits, test: Digits, seed: int) -> tuple[dict[str, Any], Pixels]:
    """Classify test digits, their reconstructions and redrawings as 0 to 9; return the figures and the redrawings."""
    import torch

    from benchmarks.judges.digit_classifier import read, train_classifier
    from benchmarks.judges.inverters import in_blocks

    assert trained.generator is not None and trained.attributes is not None
    network = train_classifier(train.images, train.labels, seed, CLASSIFIER_EPOCHS)
    x = torch.from_numpy(np.array(test.images))[:, None].float().expand(-1, 3, -1, -1) / 255
    codes = in_blocks(trained.generator_codes, x)
    drawn = drawn_as_each(trained, codes[:, : trained.latent_size])
    again = (in_blocks(trained.generator, codes)[:, 0] * 255).round().to(torch.uint8).numpy()
    weights = metrics.bootstrap_weights(len(test), RESAMPLES, seed)
    own = slants(test.images)
    rows = {}
    for digit, images in enumerate(drawn):
        lean = float(np.corrcoef(own, slants(images))[0, 1])
        rows[str(digit)] = {"read": _score(read(network, images) == digit, weights), "slant": round(lean, 4)}
    seen = codes[:, trained.latent_size :].argmax(1).numpy()
    result = {
        "real_read": _score(read(network, test.images) == test.labels, weights),
        "attributes_right": _score(seen == test.labels, weights),
        "reconstruction_read": _score(read(network, again) == test.labels, weights),
        "drawn": rows,
    }
    return result, drawn


def sheet(test: Digits, drawn: Pixels) -> Pixels:
    """The first test digits, each beside itself redrawn as 0 to 9: uint8 (SHOWN * 28, 11 * 28)."""
    columns = np.concatenate([test.images[None, :SHOWN], drawn[:, :SHOWN]])
    return columns.transpose(1, 2, 0, 3).reshape(SHOWN * columns.shape[2], -1)


def _score(right: NDArray[np.bool_], weights: metrics.Floats) -> dict[str, Any]:
    return {"mean": round(float(right.mean()), 5), "interval": metrics.interval(weights @ right)}


@experiment(NAME)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="mnist.npz, or a folder of MNIST's files.")
@click.option("--run", required=True, type=click.Path(path_type=Path), help="A run of icgan on these digits.")
@click.option("--seed", default=0, show_default=True, help="Seed of classifier and resamples.")
@results_option
def command(data: Path, run: Path, seed: int, results: Path) -> None:
    """Redraw the test digits as each of the ten digits, and classify the results."""
    import_torch()
    from PIL import Image

    from benchmarks.methods.learned import FACTS

    trained, test = load_digit_run(run), load_digits(data, "test")
    measured, drawn = measure(trained, load_digits(data, "train"), test, seed)
    facts = {fact: trained.facts.get(fact) for fact in FACTS}
    result: dict[str, Any] = {"seed": seed, "digits": len(test), "run": facts, **measured}
    results.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(test, drawn)).save(results / f"{NAME}-sheet.png")
    click.echo(table(result))
    publish(NAME, result, results)
