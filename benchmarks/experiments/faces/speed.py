"""Photographs of 12 megapixels a second with detection, each stage alone, and queries beside a space of faces."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import latentsearch as ls
from benchmarks.core.timing import in_turn, milliseconds
from benchmarks.datasets.celeba import Faces
from benchmarks.datasets.pasted_faces import paste, photographs
from indexer.catalog.faces import FaceRecord, packed
from indexer.catalog.images import ImageRecord
from indexer.decoding.decode import Decoded, decode_bytes
from indexer.encoders.encoder import Encoder, load_encoder
from indexer.faces.detector import load_detector
from indexer.faces.finder import FaceFinder
from indexer.faces.framing import FaceFraming
from indexer.index.writer import IndexWriter
from indexer.system.limits import cores
from indexer.vectors.exact import unit

SIZE, HEIGHTS = (4000, 3000), (400.0, 1600.0)
SEARCHES, INDEXED = 200, 21_000


def make_photographs(folder: Path, faces: Faces, pictures: Any, count: int, seed: int) -> list[Path]:
    """Write JPEGs of 12 megapixels with one to three faces each."""
    random = np.random.default_rng(seed)
    paths = []
    for number, scene in enumerate(photographs(pictures, random, SIZE, count)):
        chosen = random.integers(len(faces), size=int(random.integers(1, 4)))
        made = paste(scene, [(int(row), faces.paths[int(row)]) for row in chosen], HEIGHTS, random)
        paths.append(folder / f"{number:04}.jpg")
        made.picture.save(paths[-1], quality=90)
    return paths


def _decoded(path: Path, encoder: Encoder) -> Decoded:
    content = path.read_bytes()
    return decode_bytes(content, encoder.framing, with_fingerprint=True, with_picture=True)


def _in_one_process(paths: Sequence[Path], name: str) -> dict[str, float]:
    """Seconds of each stage over some photographs, one after another; loading is not counted."""
    encoder = load_encoder(name, 1)
    finder = FaceFinder(load_detector(), FaceFraming.of(encoder))
    first = _decoded(paths[0], encoder)
    assert first.picture is not None
    finder.find(first.picture, first.width, first.height)
    spent = {"decode": 0.0, "detect": 0.0, "encode": 0.0}

    for path in paths:
        times = [time.perf_counter()]
        decoded = _decoded(path, encoder)
        times.append(time.perf_counter())
        assert decoded.picture is not None
        found = finder.find(decoded.picture, decoded.width, decoded.height)
        times.append(time.perf_counter())
        encoder.encode(decoded.pixels[None])
        encoder.encode(found.pixels)
        times.append(time.perf_counter())
        for stage, seconds in zip(spent, np.diff(times).tolist(), strict=True):
            spent[stage] += seconds
    return spent


def stages(paths: Sequence[Path], name: str) -> dict[str, float]:
    """Photographs a second of each stage alone, on all cores, each core with its own photographs."""
    shares = [list(paths[part :: cores()]) for part in range(cores())]
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        measured = list(pool.map(_in_one_process, shares, [name] * len(shares)))
    return {stage: len(paths) / max(one[stage] for one in measured) for stage in measured[0]}


def measure_photographs(paths: Sequence[Path], name: str, rounds: int) -> dict[str, Any]:
    """Photographs a second of `latentsearch index --faces` and of its stages, as medians over rounds."""
    measured = []
    for _ in range(rounds):
        alone = stages(paths, name)
        with tempfile.TemporaryDirectory() as folder:
            words = ["index", str(paths[0].parent), "--index", f"{folder}/index", "--encoder", name, "--faces"]
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "latentsearch", *words, "--json"], check=True, capture_output=True
            )
            seconds = time.perf_counter() - start
        bound = 1 / sum(1 / rate for rate in alone.values())
        together, summary = len(paths) / seconds, json.loads(done.stdout)
        measured.append(
            {
                **alone,
                "bound": bound,
                "index": together,
                "to_bound": together / bound,
                "to_bound_without_start": summary["images_per_second"] / bound,
            }
        )
    middle = {key: float(np.median([one[key] for one in measured])) for key in measured[0]}
    return {"photographs": len(paths), **middle}


def measure_queries(name: str, seed: int) -> dict[str, Any]:
    """Milliseconds of a search by id in INDEXED whole pictures, alone and with as many faces beside, and in faces."""
    random, encoder = np.random.default_rng(seed), load_encoder(name, network=False)
    with tempfile.TemporaryDirectory() as folder:
        plain, faced = Path(folder) / "plain", Path(folder) / "faced"
        for place in (plain, faced):
            _fill(place, encoder, random, with_faces=place == faced)
        with ls.open(plain) as without, ls.open(faced) as beside:
            ids = random.integers(1, INDEXED + 1, SEARCHES).tolist()
            timed = in_turn(
                {
                    "without faces": lambda turn: without.search(ids[turn % SEARCHES]),
                    "whole pictures, faces beside": lambda turn: beside.search(ids[turn % SEARCHES], whole=True),
                    "faces": lambda turn: beside.search(ids[turn % SEARCHES]),
                },
                SEARCHES,
            )
    return {"indexed": INDEXED, **{what: milliseconds(seconds) for what, seconds in timed.items()}}


def _fill(folder: Path, encoder: Encoder, random: np.random.Generator, with_faces: bool) -> None:
    with IndexWriter.create(folder, encoder) as index:
        codes = unit(random.standard_normal((INDEXED, encoder.latent_size)).astype(np.float32))
        index.catalog.images.add(
            ImageRecord(row + 1, f"/synthetic/{row + 1}.jpg", 1, 0, row.to_bytes(32, "little"), 640, 480, position, 0.0)
            for row, position in enumerate(index.append(codes))
        )
        if with_faces:
            index.keep_faces(encoder, FaceFraming.of(encoder), "synthetic")
            points = packed([(0, 0)] * 5)
            index.catalog.faces.add(
                FaceRecord(row + 1, row + 1, position, 0, 0, 9, 9, points, 0.9)
                for row, position in enumerate(index.append_faces(codes))
            )
            index.catalog.faces.note_searched((row + 1, 1) for row in range(INDEXED))
        index.rebuild()
