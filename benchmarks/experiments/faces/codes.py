"""How well the codes of found faces search and group, compared with those of the originals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.core.exact_search import nearest
from benchmarks.core.metrics import agreeing, agreement, agreement_counts, resampled
from benchmarks.datasets.celeba import Faces
from benchmarks.datasets.pasted_faces import PastedPicture
from benchmarks.experiments.faces.detection import Match, matches
from indexer.encoders.encoder import Encoder
from indexer.faces.detector import FaceDetector
from indexer.faces.finder import FaceFinder
from indexer.faces.framing import FaceFraming
from latentsearch.search.face_groups import grouped

K = 20
Codes = NDArray[np.float32]


def found_codes(
    detector: FaceDetector, encoder: Encoder, made: PastedPicture, faces: Faces
) -> tuple[list[Match], list[tuple[int, Codes]], int]:
    """Find and encode the faces of a picture: matches, codes of those found with their rows, number of other finds."""
    found, pixels = FaceFinder(detector, FaceFraming.of(encoder)).find(made.picture, *made.picture.size)
    matched = list(matches(detector, made, found, faces))
    codes = encoder.encode(pixels)
    rows = [(match.row, codes[found.index(match.face)]) for match in matched if match.face is not None]
    return matched, rows, len(found) - len(rows)


def agreement_of(
    gallery: Faces,
    gallery_codes: Codes,
    queries: Faces,
    coded: Sequence[tuple[int, Codes]],
    encoder: Encoder,
    seed: int,
) -> dict[str, Any]:
    """Agreement@K of pasted faces with the gallery, and of the same faces' originals."""
    rows = np.array([row for row, _ in coded])
    originals = encoder.encode(queries.pixels(encoder.framing)[rows])
    of_pasted, of_originals = (
        _agreement(gallery, gallery_codes, queries.attributes[rows], codes, encoder.distance)
        for codes in (np.stack([code for _, code in coded]), originals)
    )
    return {
        "queries": len(rows),
        "pasted": resampled(of_pasted, 1000, seed),
        "originals": resampled(of_originals, 1000, seed),
        "difference": resampled(of_pasted - of_originals, 1000, seed),
    }


def _agreement(
    gallery: Faces, gallery_codes: Codes, attributes: NDArray[np.uint8], codes: Codes, distance: str
) -> NDArray[np.float64]:
    found = nearest(codes, gallery_codes, K, distance)
    counts = agreement_counts(agreeing(attributes, gallery.attributes, found), [K])
    return agreement(counts, [K], gallery.attributes.shape[1])[:, 0]


def encode_alone(detector: FaceDetector, encoder: Encoder, faces: Faces) -> tuple[Codes, NDArray[np.int64]]:
    """Find and encode the largest face of each original, as `index --faces` does: codes, and rows of those found."""
    finder = FaceFinder(detector, FaceFraming.of(encoder))
    rows, pixels = [], []
    for row, path in enumerate(faces.paths):
        with Image.open(path) as original:
            found = finder.find(original.convert("RGB"), *original.size)
        if found.faces:
            rows.append(row)
            pixels.append(found.pixels[0])
    return encoder.encode(np.stack(pixels)), np.array(rows)


def measure_groups(
    codes: Codes, identity: NDArray[np.int64], encoder: Encoder, similarities: Sequence[float]
) -> list[dict[str, Any]]:
    """Precision and recall of pairs in one group, against pairs of one person, for each least similarity."""
    people = identity[:, None] == identity[None]
    upper = np.triu_indices(len(codes), 1)
    together = people[upper]
    measured = []
    for similarity in similarities:
        groups = grouped(codes, encoder.distance_of(similarity), encoder.distance)
        number = np.empty(len(codes), np.int64)
        for place, group in enumerate(groups):
            number[group] = place
        paired = number[upper[0]] == number[upper[1]]
        right = int((paired & together).sum())
        measured.append(
            {
                "min_similarity": similarity,
                "pairs": int(paired.sum()),
                "precision": right / max(int(paired.sum()), 1),
                "recall": right / max(int(together.sum()), 1),
                "groups": sum(len(group) > 1 for group in groups),
                "largest": len(groups[0]) if groups else 0,
            }
        )
    return measured
