"""Create a bundle's folder atomically, and the entries of model.json that all bundles share."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import FORMAT
from indexer.encoders.framing import Framing, template_of
from indexer.errors import InputError
from latentsearch.export.calibration import closest_pairs, random_pair_distances

# The terms of a network from elsewhere, beside its graph.
LICENCE = "LICENSE"
FIT_IMAGES = 20_000  # at most this many training images fit whitening and distance quantiles


@contextmanager
def new_bundle(folder: Path) -> Iterator[Path]:
    """Yield an empty folder for writing a bundle, and move it to `folder` if no exception is raised.

    Raises InputError if `folder` is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: name a new folder for the bundle")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        staging = Path(unfinished) / "bundle"
        staging.mkdir()
        yield staging
        if folder.exists():
            folder.rmdir()
        shutil.move(staging, folder)


def describe_bundle(
    folder: Path,
    codes: NDArray[np.float32],
    *,
    name: str,
    family: str,
    framing: Framing,
    distance: str,
    precision: str,
    trained: dict[str, Any],
) -> dict[str, Any]:
    """Return model.json's content for the graphs in a folder, without scores. codes: (n, d), of training images."""
    quantiles = random_pair_distances(codes, distance)
    return {
        "format": FORMAT,
        "name": name,
        "family": family,
        "latent_size": codes.shape[1],
        "framing": framing.to_json(),
        "distance": distance,
        **_template(framing, trained),
        "precision": precision,
        "files": {path.name: _file_facts(path) for path in _files(folder)},
        "trained": trained,
        "scores": {},
        "fidelity": {},
        "random_pair_distances": quantiles,
        "closest_pairs": closest_pairs(codes, distance, quantiles),
    }


def _template(framing: Framing, trained: dict[str, Any]) -> dict[str, Any]:
    """Return the template of an encoder that was learned on CelebA's aligned faces; {} for another one."""
    template = template_of(framing) if str(trained.get("data")).startswith("celeba") else None
    return {"template": template} if template else {}


def _files(folder: Path) -> list[Path]:
    return sorted((*folder.glob("*.onnx"), *folder.glob(LICENCE)))


def _file_facts(path: Path) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}


def top(queries: NDArray[np.float32], gallery: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the rows of the k nearest gallery codes of each query, unordered: (q, k).

    The distance is Euclidean, which ranks codes of length 1 like cosine distance.
    """
    distances = (gallery**2).sum(1) - 2 * queries @ gallery.T
    k = min(k, len(gallery))
    return np.argpartition(distances, k - 1, axis=1)[:, :k]


def likeness(
    queries: tuple[NDArray[np.float32], NDArray[np.float32]], galleries: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> dict[str, float]:
    """Compare two graphs by their codes of the same queries, (q, d) each, and of the same gallery, (n, d) each.

    Returns the mean and least cosine between the queries' codes, and the overlap of the top 20 when each graph's
    queries search its own gallery.
    """
    mine, theirs = (codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12) for codes in queries)
    cosines = (mine * theirs).sum(1)
    found = [top(*pair, 20) for pair in zip(queries, galleries, strict=True)]
    overlap = np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(*found, strict=True)])
    return {
        "images": len(mine),
        "gallery": len(galleries[0]),
        "mean_cosine": round(float(cosines.mean()), 6),
        "least_cosine": round(float(cosines.min()), 6),
        "overlap@20": round(float(overlap), 4),
    }
