"""A map of the codes: do neighbours share glasses, hats, bangs, blond hair, gender? IVE-GAN's Fig. 8 with numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks import metrics
from benchmarks.celeba import Faces, load_faces
from benchmarks.encoders import import_torch
from benchmarks.exact_search import Codes, nearest
from benchmarks.learned import encoder_facts, of_bundle, of_runs
from benchmarks.methods import Method, Pixels
from benchmarks.pages.latent_map import sharing_table
from benchmarks.results_store import RESULTS, store
from indexer.encoder import load_encoder
from indexer.errors import InputError, MissingExtra

NAME = "latent-map"
# Those that the paper colours its map by.
ATTRIBUTES = ("Eyeglasses", "Wearing_Hat", "Bangs", "Blond_Hair", "Male")
FACES, K, RESAMPLES = 10_000, 10, 1_000
PIXEL_COMPONENTS = 50

Counts = NDArray[np.uint8]


@dataclass(frozen=True)
class Mapped:
    """What was found of one method's codes.

    plane: float32 (n, 2), their t-SNE; near, near_in_plane: uint8 (n, attributes), how many of a face's K nearest
    others have each attribute, by the codes' distance and by that in the plane.
    """

    method: Method
    plane: NDArray[np.float32]
    near: Counts
    near_in_plane: Counts
    seconds: dict[str, float]


def map_codes(method: Method, gallery: Faces, faces: Faces, attributes: NDArray[np.uint8], seed: int) -> Mapped:
    """Encode the faces, find everyone's nearest others, project to the plane, and find them there.

    attributes: uint8 (n, a). What the method learns it learns from the gallery.
    """
    started = time.perf_counter()
    method.fit(gallery)
    codes = method.codes(faces)
    near = neighbours_with(attributes, codes, method.distance)
    searched = time.perf_counter()
    plane = project(codes, seed)
    return Mapped(
        method,
        plane,
        near,
        neighbours_with(attributes, plane, "euclidean"),
        {"encode and search": round(searched - started, 2), "t-SNE": round(time.perf_counter() - searched, 2)},
    )


def neighbours_with(attributes: NDArray[np.uint8], codes: Codes, distance: str) -> Counts:
    """How many of each face's K nearest others have each attribute (n, a): uint8 (n, a)."""
    found = nearest(codes, codes, K, distance, exclude_self=True)
    return np.asarray(attributes[found].sum(axis=1), np.uint8)


def project(codes: Codes, seed: int) -> NDArray[np.float32]:
    """t-SNE of codes (n, d): float32 (n, 2); of pixels, that of their first 50 principal components, as is customary.

    Raises MissingExtra without scikit-learn.
    """
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise MissingExtra("scikit-learn is not installed: pip install 'latentsearch[bench]'") from error
    if codes.dtype == np.uint8:
        components = min(PIXEL_COMPONENTS, len(codes))
        codes = PCA(components, svd_solver="randomized", random_state=seed).fit_transform(codes.astype(np.float32))
    return np.asarray(TSNE(init="pca", random_state=seed, n_jobs=1).fit_transform(codes), np.float32)


def sharing(near: Counts, attribute: NDArray[np.uint8], weights: metrics.Floats) -> dict[str, metrics.Floats]:
    """How well neighbours share one attribute (n,) in each resample: weights (r, n), see bootstrap_weights.

    "having": of the faces that have it, the mean share of their neighbours that have it, which is what a cluster
    shows; "balanced": the mean of that and of the share, for faces without it, of neighbours without it.
    """
    share = near / K
    having = _mean(share, attribute == 1, weights)
    lacking = _mean(1 - share, attribute == 0, weights)
    return {"having": having, "balanced": (having + lacking) / 2}


def _mean(values: metrics.Floats, chosen: NDArray[np.bool_], weights: metrics.Floats) -> metrics.Floats:
    return np.asarray((weights[:, chosen] @ values[chosen]) / weights[:, chosen].sum(axis=1), np.float64)


def summarise(mapped: Sequence[Mapped], faces: Faces, names: Sequence[str], seed: int) -> dict[str, Any]:
    """Sharing by method, place (the codes' space, the plane) and attribute, with 95 % intervals, as plain data.

    The first method is what the others are compared with, over the same resamples.
    """
    attributes = chosen_attributes(faces, names)
    # The first row counts every face once: the estimate itself.
    once = np.full((1, len(faces)), 1 / len(faces))
    weights = np.concatenate([once, metrics.bootstrap_weights(len(faces), RESAMPLES, seed)])
    baseline = _estimates(mapped[0], attributes, names, weights)
    return {
        "seed": seed,
        "protocol": {
            "faces": len(faces),
            "names_sha256": faces.names_sha256,
            "k": K,
            "resamples": RESAMPLES,
            "pixel_components": PIXEL_COMPONENTS,
            "attributes": list(names),
        },
        "chance": {name: _chance(column) for name, column in zip(names, attributes.T, strict=True)},
        "baseline": mapped[0].method.key,
        "methods": [_summary(one, _estimates(one, attributes, names, weights), baseline) for one in mapped],
    }


Estimates = dict[str, dict[str, dict[str, metrics.Floats]]]


def _estimates(one: Mapped, attributes: NDArray[np.uint8], names: Sequence[str], weights: metrics.Floats) -> Estimates:
    places = {"codes": one.near, "plane": one.near_in_plane}
    return {
        place: {name: sharing(near[:, i], attributes[:, i], weights) for i, name in enumerate(names)}
        for place, near in places.items()
    }


def _summary(one: Mapped, estimates: Estimates, baseline: Estimates) -> dict[str, Any]:
    method = one.method
    shared = {
        place: {
            name: {
                measure: _score(values) | {"beyond_baseline": _score(values - baseline[place][name][measure])}
                for measure, values in measures.items()
            }
            for name, measures in by_name.items()
        }
        for place, by_name in estimates.items()
    }
    facts = {"key": method.key, "name": method.name, "code": method.code, "distance": method.distance}
    return facts | {"sharing": shared, "seconds": one.seconds}


def _score(values: metrics.Floats) -> dict[str, Any]:
    return {"mean": round(float(values[0]), 5), "interval": metrics.interval(values[1:])}


def _chance(attribute: NDArray[np.uint8]) -> dict[str, float]:
    """What a random other face gives."""
    total, having = len(attribute), int(attribute.sum())
    with_it, without = (having - 1) / (total - 1), (total - having - 1) / (total - 1)
    return {
        "share": round(having / total, 5),
        "having": round(with_it, 5),
        "balanced": round((with_it + without) / 2, 5),
    }


def chosen_attributes(faces: Faces, names: Sequence[str]) -> NDArray[np.uint8]:
    """The columns of these attributes: uint8 (n, len(names)).

    Raises InputError for one that the faces do not have, or that all or less than two of them have.
    """
    missing = [name for name in names if name not in faces.attribute_names]
    if missing:
        raise InputError(f"the faces have no attribute {', '.join(missing)}: this benchmark needs it")
    chosen = faces.attributes[:, [faces.attribute_names.index(name) for name in names]]
    rare = [name for name, count in zip(names, chosen.sum(axis=0), strict=True) if not 2 <= count < len(faces) - 1]
    if rare:
        raise InputError(f"too few of these {len(faces)} faces differ in {', '.join(rare)}: more are needed")
    return chosen


def draw_faces(gallery: Faces, count: int, seed: int) -> Faces:
    """So many faces of the gallery at random, in its order; all of them where it has no more."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(gallery))[:count])
    return replace(
        gallery,
        paths=tuple(gallery.paths[row] for row in rows),
        attributes=gallery.attributes[rows],
        identity=gallery.identity[rows],
    )


def store_raw(mapped: Sequence[Mapped], attributes: NDArray[np.uint8], folder: Path) -> Path:
    """Write latent-map.npz: attributes (n, a) and, a method, KEY_plane (float16), KEY_near and KEY_near_in_plane."""
    arrays: dict[str, NDArray[Any]] = {"attributes": attributes}
    for one in mapped:
        arrays[f"{one.method.key}_plane"] = one.plane.astype(np.float16)
        arrays[f"{one.method.key}_near"] = one.near
        arrays[f"{one.method.key}_near_in_plane"] = one.near_in_plane
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.npz"
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


@click.command(NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A folder in CelebA's format.")
@click.option("--run", "runs", multiple=True, type=click.Path(path_type=Path), help="A training run; again for more.")
@click.option("--bundle", "bundles", multiple=True, help="An encoder's name or folder; again for more.")
@click.option("--faces", "count", type=click.IntRange(K + 1), default=FACES, show_default=True, help="How many.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads of PyTorch.")
@click.option("--seed", default=0, show_default=True, help="Of the faces, t-SNE and the resamples.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where to. [benchmarks/results]")
def command(
    data: Path, runs: tuple[Path, ...], bundles: tuple[str, ...], count: int, threads: int | None, seed: int,
    results: Path,
) -> None:  # fmt: skip
    """Map faces of the train partition by their codes and by their pixels, and write the raw results.

    How many of a face's 10 nearest others share an attribute with it, by the codes themselves and in the plane that
    t-SNE projects them to.
    """
    if not runs and not bundles:
        raise InputError("nothing to map: name a training run with --run, or an encoder with --bundle")
    if threads:
        import_torch().set_num_threads(threads)
    gallery = load_faces(data, "train")
    faces = draw_faces(gallery, count, seed)
    attributes = chosen_attributes(faces, ATTRIBUTES)
    methods: list[Method] = [Pixels(), *of_runs(runs)]
    for bundle in bundles:
        methods += of_bundle(load_encoder(bundle), [method.key for method in methods])
    mapped = []
    for method in methods:
        mapped.append(map_codes(method, gallery, faces, attributes, seed))
        click.echo(f"mapped: {method.name}, {method.distance}, {mapped[-1].seconds}", err=True)
    summary = summarise(mapped, faces, ATTRIBUTES, seed) | {"encoders": encoder_facts(methods)}
    store_raw(mapped, attributes, results)
    path = store(NAME, summary, results)
    click.echo(sharing_table(summary, "codes", "having"))
    click.echo(f"written: {path}; `python -m benchmarks report` makes the tables and the plot", err=True)


def main(arguments: list[str]) -> None:
    """Run the command."""
    command(arguments, standalone_mode=False)
