"""What do IVE-GAN's codes capture of MNIST's digits? Reconstructions, nearest neighbours, a 3-d cloud (Figs 3 to 5)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.statistics.neighbours_vote import NEIGHBOURS, Read, Scores, flat, neighbours_vote, principal_components
from indexer.errors import InputError, MissingExtra
from latentsearch.data.digits import Digits, load_digits

if TYPE_CHECKING:
    from benchmarks.judges.digit_models import DigitRun

NAME = "mnist"
CLASSIFIER_EPOCHS = 3
SAMPLES, RECONSTRUCTIONS, CLOUD = 64, 20, 5_000


@experiment(NAME)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="mnist.npz, or a folder of MNIST's files.")
@click.option(
    "--run",
    "runs",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="A training run; may be repeated.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of classifier, noise and resamples.")
@click.option(
    "--classifier-epochs",
    default=CLASSIFIER_EPOCHS,
    show_default=True,
    type=click.IntRange(1),
    help="Epochs of the classifier that judges digits.",
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads for PyTorch.")
@results_option
def command(data: Path, runs: tuple[Path, ...], seed: int, classifier_epochs: int, threads: int, results: Path) -> None:
    """Measure codes and reconstructions of runs on digits. Gallery: the training digits. Queries: the test digits."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("this benchmark needs PyTorch: pip install latentsearch[train]") from error

    from benchmarks.judges.digit_classifier import read, train_classifier
    from benchmarks.judges.digit_models import DigitRun

    if data.resolve() == (results / f"{NAME}.npz").resolve():
        raise InputError(f"{data} would be overwritten by the raw results: name another folder with --results")
    torch.set_num_threads(threads)
    train, test = load_digits(data, "train"), load_digits(data, "test")
    models = [DigitRun(folder, seed) for folder in runs]
    if len({model.key for model in models}) < len(models):
        raise InputError("two runs have the same family and latent size: name only one of them")
    scores = Scores(len(test), seed)
    click.echo("training the classifier", err=True)
    classifier = train_classifier(train.images, train.labels, seed, classifier_epochs)
    seen = read(classifier, test.images)
    arrays: dict[str, NDArray[Any]] = {"labels": test.labels.astype(np.uint8), "read": seen}
    rows = baselines(train, test, sorted({model.latent_size for model in models}), scores, arrays)
    for model in models:
        rows.append(measure(model, train, test, seen, lambda images: read(classifier, images), scores, arrays))
    arrays["originals"] = test.images[:RECONSTRUCTIONS]
    summary = {
        "seed": seed,
        "gallery": len(train),
        "queries": len(test),
        "neighbours": NEIGHBOURS,
        "classifier": {"epochs": classifier_epochs, "accuracy": scores(seen == test.labels)},
        "rows": rows,
    }
    results.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(results / f"{NAME}.npz", allow_pickle=False, **arrays)
    publish(NAME, summary, results)


def baselines(
    train: Digits, test: Digits, sizes: list[int], scores: Scores, arrays: dict[str, NDArray[Any]]
) -> list[dict[str, Any]]:
    """Nearest neighbours by all pixels, and by as many principal components as each code has numbers."""
    pixels, queries = (flat(digits.images) for digits in (train, test))
    codes = {"pixels": (pixels, queries)}
    codes |= {f"pca-{size}": principal_components(pixels, queries, size) for size in sizes}
    rows = []
    for key, (gallery, asked) in codes.items():
        votes = arrays[f"{key}_votes"] = neighbours_vote(gallery, train.labels, asked)
        rows.append({"key": key, "kind": key.partition("-")[0], "size": gallery.shape[1]})
        rows[-1]["knn"] = scores(votes == test.labels)
        click.echo(f"{key}: {rows[-1]['knn']}", err=True)
    return rows


def measure(
    model: DigitRun,
    train: Digits,
    test: Digits,
    seen: Read,
    read: Any,
    scores: Scores,
    arrays: dict[str, NDArray[Any]],
) -> dict[str, Any]:
    """One run's row: nearest neighbours by its codes, and how often its reconstructions are classified as the same.

    same_digit: with a random z' if the model has one; same_digit_without_noise: with z' = 0.
    """
    codes = model.encode(test.images)
    votes = neighbours_vote(model.encode(train.images), train.labels, codes)
    made, still = model.generate(codes), model.generate(codes, noise=False)
    again = read(made)
    arrays |= {
        f"{model.key}_votes": votes,
        f"{model.key}_read": again,
        f"{model.key}_reconstructions": made[:RECONSTRUCTIONS],
    }
    samples = model.sample(SAMPLES)
    if samples is not None:
        arrays[f"{model.key}_samples"] = samples
    if model.latent_size == 3:
        arrays[f"{model.key}_cloud"] = codes[:CLOUD].astype(np.float16)
    row = {
        "key": model.key,
        "kind": model.model_family,
        "size": model.latent_size,
        "knn": scores(votes == test.labels),
        "same_digit": scores(again == seen),
        "same_digit_without_noise": scores(read(still) == seen),
        "run": {fact: model.about.get(fact) for fact in ("preset", "recipe", "hardware", "commit")},
    }
    click.echo(f"{model.key}: neighbours {row['knn']}, same digit {row['same_digit']}", err=True)
    return row
