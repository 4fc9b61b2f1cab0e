"""Do neighbours on a map of the codes share glasses, hats, bangs, blond hair, gender? IVE-GAN's Fig. 8 in numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.exact_search import Codes, nearest
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.merge import keep_arrays, keep_rows
from benchmarks.core.options import faces_option, keep_option, results_option, runs_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.latent_map.map_statistics import (
    PIXEL_COMPONENTS,
    Counts,
    K,
    Mapped,
    chosen_attributes,
    summarise,
)
from benchmarks.experiments.latent_map.page import sharing_table
from benchmarks.methods.encoders import import_torch
from benchmarks.methods.learned import encoder_facts, of_bundle, of_runs
from benchmarks.methods.methods import Method, Pixels
from indexer.encoders.encoder import load_encoder
from indexer.errors import InputError, MissingExtra

NAME = "latent-map"
# The attributes by which the paper colours its map.
ATTRIBUTES = ("Eyeglasses", "Wearing_Hat", "Bangs", "Blond_Hair", "Male")
FACES = 10_000


def map_codes(method: Method, gallery: Faces, faces: Faces, attributes: NDArray[np.uint8], seed: int) -> Mapped:
    """Encode the faces, find each face's nearest others, project to the plane, and find them there.

    attributes: uint8 (n, a). The method is fitted on the gallery.
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
    """The number of each face's K nearest others with each attribute (n, a): uint8 (n, a)."""
    found = nearest(codes, codes, K, distance, exclude_self=True)
    return np.asarray(attributes[found].sum(axis=1), np.uint8)


def project(codes: Codes, seed: int) -> NDArray[np.float32]:
    """t-SNE of codes (n, d): float32 (n, 2); pixels are first reduced to 50 principal components, as is customary.

    Raises MissingExtra if scikit-learn is not installed.
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


def draw_faces(gallery: Faces, count: int, seed: int) -> Faces:
    """Up to `count` random faces of the gallery, in its order."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(gallery))[:count])
    return replace(
        gallery,
        paths=tuple(gallery.paths[row] for row in rows),
        attributes=gallery.attributes[rows],
        identity=gallery.identity[rows],
    )


def stored_baseline(folder: Path) -> Mapped:
    """The stored neighbourhoods of the pixels.

    Raises InputError if none are stored.
    """
    path = folder / f"{NAME}.npz"
    if not path.exists():
        raise InputError(f"no results of {NAME} in {folder}: measure all without --keep")
    with np.load(path, allow_pickle=False) as raw:
        plane, near, in_plane = (raw[f"{Pixels.key}_{what}"] for what in ("plane", "near", "near_in_plane"))
    return Mapped(Pixels(), plane.astype(np.float32), near, in_plane, {})


def keep_earlier(summary: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The summary with the stored rows of other methods, including the pixels (see `keep_rows`)."""
    measured = [row for row in summary["methods"] if row["key"] != summary["baseline"]]
    return keep_rows(NAME, summary | {"methods": measured}, folder)


def store_raw(mapped: Sequence[Mapped], attributes: NDArray[np.uint8], folder: Path, keep: bool = False) -> Path:
    """Write latent-map.npz: attributes (n, a) and per method KEY_plane (float16), KEY_near and KEY_near_in_plane.

    keep: keep the stored arrays of other methods.
    """
    arrays: dict[str, NDArray[Any]] = {"attributes": attributes}
    for one in mapped:
        arrays[f"{one.method.key}_plane"] = one.plane.astype(np.float16)
        arrays[f"{one.method.key}_near"] = one.near
        arrays[f"{one.method.key}_near_in_plane"] = one.near_in_plane
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.npz"
    np.savez_compressed(path, allow_pickle=False, **(keep_arrays(path, arrays) if keep else arrays))
    return path


def measure(
    methods: Sequence[Method], gallery: Faces, faces: Faces, attributes: NDArray[np.uint8], seed: int
) -> list[Mapped]:
    """Map the faces by the codes of each method, fitted on the gallery."""
    mapped = []
    for method in methods:
        mapped.append(map_codes(method, gallery, faces, attributes, seed))
        click.echo(f"mapped: {method.name}, {method.distance}, {mapped[-1].seconds}", err=True)
    return mapped


@experiment(NAME)
@faces_option
@runs_option()
@click.option("--bundle", "bundles", multiple=True, help="An encoder's name or folder; may be repeated.")
@click.option("--faces", "count", type=click.IntRange(K + 1), default=FACES, show_default=True, help="Number of faces.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads for PyTorch.")
@click.option("--seed", default=0, show_default=True, help="Seed of faces, t-SNE and resamples.")
@keep_option
@results_option
def command(
    data: Path, runs: tuple[Path, ...], bundles: tuple[str, ...], count: int, threads: int | None, seed: int,
    keep: bool, results: Path,
) -> None:  # fmt: skip
    """Map faces of the train partition by their codes and by their pixels, and write the raw results.

    Counts how many of a face's 10 nearest others share an attribute with it, in code space and in the plane of t-SNE.
    """
    if not runs and not bundles:
        raise InputError("nothing to map: name a training run with --run, or an encoder with --bundle")
    if threads:
        import_torch().set_num_threads(threads)
    gallery = load_faces(data, "train")
    faces = draw_faces(gallery, count, seed)
    attributes = chosen_attributes(faces, ATTRIBUTES)
    methods: list[Method] = [*([] if keep else [Pixels()]), *of_runs(runs)]
    for bundle in bundles:
        methods += of_bundle(load_encoder(bundle), [method.key for method in methods])
    mapped = [stored_baseline(results)] if keep else []
    mapped += measure(methods, gallery, faces, attributes, seed)
    summary = summarise(mapped, faces, ATTRIBUTES, seed) | {"encoders": encoder_facts(methods)}
    if keep:
        summary = keep_earlier(summary, results)
    store_raw(mapped, attributes, results, keep)
    click.echo(sharing_table(summary, "codes", "having"))
    publish(NAME, summary, results)
