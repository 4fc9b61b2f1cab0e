"""Faces in photographs: found, false finds, points, agreement of their codes, groups, and speed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.datasets.image_sets import load_sets
from benchmarks.experiments.faces import codes as coded
from benchmarks.experiments.faces import detection, speed
from benchmarks.experiments.faces.page import report_lines
from indexer.encoders.encoder import DEFAULT_ENCODER, Encoder, load_encoder
from indexer.faces.detector import FaceDetector, load_detector, read_detector

NAME = "faces"
PARTS = ("detection", "codes", "groups", "photographs", "queries")
SIMILARITIES = (0.999, 0.9998, 0.99995)
BARS = {
    "found": 0.97,
    "false_finds_a_thousand": 5.0,
    "error_median": 0.05,
    "agreement_lost": 0.01,
    "to_bound": 0.85,
    "detect": 25.0,
    "query_ratio": 1.3,
}


def measure(
    gallery: Faces,
    queries: Faces,
    pictures: NDArray[np.uint8],
    encoder: Encoder,
    parts: tuple[str, ...],
    **options: Any,
) -> dict[str, Any]:
    """Measure parts. pictures: without faces, uint8 (n, h, w, 3). options: count, photographs, rounds and seed."""
    detector, count, seed = load_detector(), options["count"], options["seed"]
    result: dict[str, Any] = {}
    if "detection" in parts or "codes" in parts:
        result |= _pasted(detector, encoder, gallery, queries, pictures, count, seed, "codes" in parts)
    if "detection" in parts:
        result["small"] = {
            f"{low} to {high}": detection.found_and_exact(
                [
                    match
                    for made in detection.pasted(queries, pictures, (low, high), max(count // 4, 1), seed + low)
                    for match in detection.matches(detector, made, detector.find(made.picture), queries)
                ],
                seed,
            )
            for low, high in detection.SMALL_HEIGHTS
        }
        result["false"] = detection.measure_false_finds(detector, pictures, count, seed)
    if "groups" in parts:
        found, rows = coded.encode_alone(detector, encoder, queries)
        groups = coded.measure_groups(found, queries.identity[rows], encoder, SIMILARITIES)
        result["groups"] = {"faces": len(rows), "of": len(queries), "thresholds": groups}
    if "photographs" in parts:
        with tempfile.TemporaryDirectory() as folder:
            paths = speed.make_photographs(Path(folder), queries, pictures, options["photographs"], seed)
            result["photographs"] = speed.measure_photographs(paths, str(encoder.folder), options["rounds"])
    if "queries" in parts:
        result["queries"] = speed.measure_queries(str(encoder.folder), seed)
    return result


def _pasted(
    detector: FaceDetector,
    encoder: Encoder,
    gallery: Faces,
    queries: Faces,
    pictures: NDArray[np.uint8],
    count: int,
    seed: int,
    with_codes: bool,
) -> dict[str, Any]:
    matched, rows, extra = [], [], 0
    for made in detection.pasted(queries, pictures, detection.HEIGHTS, count, seed):
        some, codes, others = coded.found_codes(detector, encoder, made, queries)
        matched += some
        rows += codes
        extra += others
    result: dict[str, Any] = {"large": detection.found_and_exact(matched, seed) | {"beside": extra}}
    if with_codes and rows:
        gallery_codes = encoder.encode(gallery.pixels(encoder.framing))
        result["agreement"] = coded.agreement_of(gallery, gallery_codes, queries, rows, encoder, seed)
    return result


@experiment(NAME)
@faces_option
@click.option("--pictures", "small", required=True, type=click.Path(path_type=Path), help="An .npz file of CIFAR-10.")
@click.option("--bundle", default=DEFAULT_ENCODER, show_default=True, help="The encoder of faces, by name or folder.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Measure only this part; repeatable.")
@click.option("--count", default=1000, show_default=True, help="Faces to paste, and pictures without a face.")
@click.option("--photographs", default=60, show_default=True, help="Photographs of 12 megapixels.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of the measurement of speed.")
@click.option("--seed", default=0, show_default=True)
@results_option
def command(data: Path, small: Path, bundle: str, parts: tuple[str, ...], results: Path, **options: Any) -> None:
    """Paste validation faces into pictures without any, find them again, and search and group by their codes."""
    encoder = load_encoder(bundle)
    gallery, queries = load_faces(data, "train"), load_faces(data, "validation")
    pictures = load_sets(small).validation.images
    chosen = parts or PARTS
    result = {
        "encoder": {"name": encoder.name, "sha256": encoder.sha256},
        "detector": read_detector()["files"],
        "parts": list(chosen),
        "options": options,
        "bars": BARS,
        **measure(gallery, queries, pictures, encoder, chosen, **options),
    }
    click.echo("\n".join(report_lines(result)))
    publish(NAME, result, results)
