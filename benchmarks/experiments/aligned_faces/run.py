"""Are pictures recognised as aligned faces, without a detector? The rule by which a new index chooses its encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from indexer.encoders.aligned import FRAMING, KEY, are_aligned_faces, gradients
from indexer.encoders.encoder import DEFAULT_ENCODER, find_bundle, read_model
from indexer.encoders.generator import load_generator
from indexer.files.discover import Found, discover
from latentsearch.data.cifar10 import load_photographs
from latentsearch.data.digits import load_digits
from latentsearch.export.model_card import write_model
from latentsearch.interface.automatic import LEAST_SHARE
from latentsearch.pictures import decoded_files
from latentsearch.training.datasets.images import find_pictures

NAME = "aligned-faces"
FACES, DIGITS, DRAWN = 4_000, 300, 300
# Crops that are not the aligned one, by side and offset of the centre, in parts of the aligned crop's side; each is cut
# from this many faces. The second set is measured only.
CROPS_EACH = 250
OTHER_CROPS = (
    (0.6, 0.0, 0.0), (0.8, 0.0, 0.2), (0.7, 0.2, 0.0), (0.7, -0.2, 0.0), (0.75, 0.0, -0.2), (0.5, 0.15, 0.15),
    (0.45, 0.0, 0.0),
)  # fmt: skip
MEASURED_CROPS = ((0.55, 0.0, 0.0), (0.8, 0.0, 0.15), (0.7, 0.15, 0.0))
STRENGTH = 1.0  # C of the logistic regression
FOLDERS, FOLDER_SIZES = 10_000, (1, 5, 50)

Pixels = NDArray[np.uint8]


def framed(files: list[str]) -> Pixels:
    """Decode the files that can be decoded, as the rule sees them: (n, 64, 64, 3)."""
    found = [picture for picture in decoded_files(files, FRAMING) if not isinstance(picture, str)]
    return np.stack(found)


def resized(pictures: Pixels) -> Pixels:
    """Scale pictures uint8 (n, h, w) or (n, h, w, 3) to the rule's size."""
    size = (FRAMING.width, FRAMING.height)
    scaled = (Image.fromarray(one).convert("RGB").resize(size, Image.Resampling.BILINEAR) for one in pictures)
    return np.stack([np.asarray(one) for one in scaled])


def crops(files: list[str], kinds: tuple[tuple[float, float, float], ...]) -> Iterator[Pixels]:
    """Cut other crops from aligned faces: (n, 64, 64, 3) for each kind (side, right, down)."""
    left, top, right, bottom = FRAMING.crops[0].box
    side, centre = right - left, ((left + right) / 2, (top + bottom) / 2)
    for size, across, down in kinds:
        x, y, half = centre[0] + across * side, centre[1] + down * side, size * side / 2
        pictures = []
        for file in files:
            with Image.open(file) as opened:
                box = (max(x - half, 0), max(y - half, 0), min(x + half, opened.width), min(y + half, opened.height))
                pictures.append(np.asarray(opened.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR, box=box)))
        yield np.stack(pictures)


def fit(faces: Pixels, others: Pixels) -> dict[str, Any]:
    """Fit the rule: a logistic regression on gradients, as the entry of model.json."""
    from sklearn.linear_model import LogisticRegression

    features = gradients(np.concatenate([faces, others]))
    mean = features.mean(0)
    is_face = np.repeat([1, 0], [len(faces), len(others)])
    fitted = LogisticRegression(C=STRENGTH, max_iter=1_000).fit(features - mean, is_face)
    weights = fitted.coef_[0]
    intercept = float(fitted.intercept_[0] - mean @ weights)
    return {"intercept": round(intercept, 4), "weights": [round(float(weight), 4) for weight in weights]}


def measure(model: dict[str, Any], sets: dict[str, Pixels], seed: int = 0) -> list[dict[str, Any]]:
    """The share of each set's pictures taken for aligned faces, and of folders drawn from it, by their size."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, pictures in sets.items():
        taken = are_aligned_faces(pictures, model)
        folders = {
            str(size): float(np.mean(taken[rng.integers(0, len(taken), (FOLDERS, size))].mean(1) >= LEAST_SHARE))
            for size in FOLDER_SIZES
        }
        rows.append({"set": name, "pictures": len(pictures), "taken": float(taken.mean()), "folders": folders})
        click.echo(f"{name}: {taken.mean():.4f} of {len(pictures)}, folders {folders}", err=True)
    return rows


def for_fitting(training: list[str], cifar10: Path, mnist: Path, seed: int) -> tuple[Pixels, Pixels]:
    """Faces, and pictures that are none: CIFAR-10, MNIST and other crops of faces."""
    rows = np.random.default_rng(seed).permutation(len(training))
    faces = [training[row] for row in rows[:FACES]]
    others = [resized(load_photographs(cifar10, "train").images), resized(load_digits(mnist, "train").images[:DIGITS])]
    return framed(faces), np.concatenate([*others, *crops(faces[:CROPS_EACH], OTHER_CROPS)])


def for_measuring(faces: list[str], cifar10: Path, mnist: Path, others: Path | None) -> dict[str, Pixels]:
    """Sets of pictures that were not fitted on."""
    sets = {"validation faces": framed(faces)}
    for name in ("aegan", "contrastive", "ivegan"):
        sets[f"faces drawn by {name}"] = np.stack(list(load_generator(name).draw(DRAWN, 3)))
    sets["CIFAR-10"] = resized(load_photographs(cifar10, "test").images)
    sets["MNIST"] = resized(load_digits(mnist, "test").images[:DIGITS])
    for kind, pictures in zip(MEASURED_CROPS, crops(faces[:CROPS_EACH], MEASURED_CROPS), strict=True):
        sets[f"validation faces, side {kind[0]}, moved by ({kind[1]}, {kind[2]})"] = pictures
    if others is not None:
        sets["other pictures"] = framed(sorted(file.path for file in discover([others]) if isinstance(file, Found)))
    return sets


@experiment(NAME)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A folder in CelebA's format.")
@click.option("--more", required=True, type=click.Path(path_type=Path), help="A folder of faces to measure on.")
@click.option("--cifar10", required=True, type=click.Path(path_type=Path), help="An .npz file of CIFAR-10.")
@click.option("--mnist", required=True, type=click.Path(path_type=Path), help="mnist.npz.")
@click.option("--pictures", type=click.Path(path_type=Path), help="A folder of other pictures to measure on.")
@click.option("--bundle", default=DEFAULT_ENCODER, show_default=True, help="The encoder of the faces.")
@click.option("--record", is_flag=True, help="Fit the rule anew, and write it into the bundle's model.json.")
@click.option("--seed", default=0, show_default=True, help="Seed of the choice of faces.")
@results_option
def command(
    data: Path, more: Path, cifar10: Path, mnist: Path, pictures: Path | None, bundle: str, record: bool, seed: int,
    results: Path,
) -> None:  # fmt: skip
    """Measure the rule of a bundle on pictures that it was not fitted on."""
    folder = find_bundle(bundle)
    model = read_model(folder)
    if record:
        training = [file.path for file in find_pictures(data)[1]]
        model[KEY] = fit(*for_fitting(training, cifar10, mnist, seed))
        write_model(folder, model)
    faces = [file.path for file in find_pictures(more)[1]] or [file.path for file in find_pictures(more)[0]]
    rows = measure(json.loads((folder / "model.json").read_text()), for_measuring(faces, cifar10, mnist, pictures))
    publish(NAME, {"seed": seed, "bundle": bundle, "least_share": LEAST_SHARE, "rows": rows}, results)
