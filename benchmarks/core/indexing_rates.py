"""Measures indexing a folder in images per second, and its decoding and encoding stages separately."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import Encoder, load_encoder
from indexer.encoders.framing import Framing
from indexer.errors import InputError
from indexer.files.discover import Found, discover
from indexer.system.limits import cores
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import CHUNK_FILES, Job

DECODE_BAR = 0.9
INDEX_BAR = 0.8
SECOND_RUN_BAR = 5.0
ROUNDS = 5


def with_bare_pillow(paths: list[str], framing: Framing) -> NDArray[np.uint8]:
    """Decode and frame pictures with plain Pillow, the hand-written equivalent of our decoding: uint8 (n, h, w, 3)."""
    from PIL import Image

    pixels = np.empty((len(paths), framing.height, framing.width, 3), np.uint8)
    for row, path in enumerate(paths):
        with Image.open(path) as picture:
            rgb = picture.convert("RGB")
        size = (framing.width, framing.height)
        pixels[row] = np.asarray(rgb.resize(size, Image.Resampling.BILINEAR, box=framing.box(*rgb.size)))
    return pixels


def bare_pool(files: list[Found], framing: Framing) -> float:
    """Images per second of a process pool that uses plain Pillow; start-up is not counted."""
    chunks = [[file.path for file in chunk] for chunk in chunked(files)]
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        list(pool.map(with_bare_pillow, chunks[: 2 * cores()], itertools.repeat(framing)))
        return rate(len(files), lambda: sum(map(len, pool.map(with_bare_pillow, chunks, itertools.repeat(framing)))))


def decoding_stage(files: list[Found], framing: Framing) -> float:
    """Images per second of our own workers, which also hash and check the files; start-up is not counted."""
    jobs = [Job(file.path, file.size, file.mtime_ns) for file in files]
    begin = 0.0
    warm = jobs[: 2 * cores()]

    def chunks() -> Iterator[list[Job]]:
        yield from ([job] for job in warm)
        yield from chunked(jobs)

    with DecodingPool(framing, chunks()) as pool:
        started = 0
        for decoded in filter(None, pool.results()):
            started += len(decoded.outcomes) == 1
            if started == len(warm) and not begin:
                begin = time.perf_counter()
        return len(jobs) / (time.perf_counter() - begin)


def encoding_stage(files: list[Found], encoder: Encoder) -> float:
    """Images per second of the encoder on pictures already decoded."""
    some = with_bare_pillow([file.path for file in files[: 16 * CHUNK_FILES]], encoder.framing)
    encoder.encode(some[:CHUNK_FILES])
    times = len(files) // len(some) + 1
    return rate(times * len(some), lambda: [encoder.encode(some) for _ in range(times)])


def index_verb(data: Path, index: Path, encoder: Encoder) -> tuple[dict[str, Any], float]:
    """Run `latentsearch index`; return its summary and the seconds of the whole process."""
    words = ["index", str(data), "--index", str(index), "--encoder", str(encoder.folder), "--json"]
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "latentsearch", *words], check=True, capture_output=True)
    return json.loads(done.stdout), time.perf_counter() - start


def measure(data: Path, name: str | None, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure each stage alone, then the whole command, in rounds, then a second run that finds nothing new.

    Figures are medians over the rounds. Ratios are computed within a round, so that both sides run under the same
    machine load.
    """
    files = [file for file in discover([data]) if isinstance(file, Found)]
    if not files:
        raise InputError(f"no pictures in {data}")
    encoder = load_encoder(name)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        measured = [_round(data, files, encoder, Path(folder) / f"index-{number}") for number in range(rounds)]
        again, seconds_again = index_verb(data, Path(folder) / "index-0", encoder)
    middle = {key: float(np.median([one[key] for one in measured])) for key in measured[0]}
    stages = ("bare_pillow", "decode", "encode", "index")
    ratios = ("bound", "index_to_bound", "index_to_bound_without_start", "decode_to_bare_pillow")
    return {
        "images": len(files),
        "encoder": {"name": encoder.name, "sha256": encoder.sha256, "precision": encoder.model.get("precision")},
        "load_average": load_before,
        "images_per_second": {stage: middle[stage] for stage in stages},
        **{ratio: middle[ratio] for ratio in ratios},
        "seconds": {key.removeprefix("seconds_"): middle[key] for key in middle if key.startswith("seconds_")},
        "rounds": measured,
        "second_run": {"encoded": again["encoded"], "whole_process": seconds_again},
        "bars": {
            "index_to_bound": INDEX_BAR,
            "decode_to_bare_pillow": DECODE_BAR,
            "second_run_seconds": SECOND_RUN_BAR,
        },
    }


def _round(data: Path, files: list[Found], encoder: Encoder, index: Path) -> dict[str, float]:
    bare = bare_pool(files, encoder.framing)
    decode = decoding_stage(files, encoder.framing)
    encode = encoding_stage(files, encoder)
    summary, seconds = index_verb(data, index, encoder)
    bound, together = 1 / (1 / decode + 1 / encode), len(files) / seconds
    return {
        "bare_pillow": bare,
        "decode": decode,
        "encode": encode,
        "index": together,
        "bound": bound,
        "index_to_bound": together / bound,
        "index_to_bound_without_start": summary["images_per_second"] / bound,
        "decode_to_bare_pillow": decode / bare,
        "seconds_whole_process": seconds,
        **{f"seconds_{stage}": spent for stage, spent in summary["seconds"].items()},
    }


def rate(count: int, work: Callable[[], object]) -> float:
    """Items per second of a piece of work."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def chunked(items: Any) -> Iterator[Any]:
    """Slices of CHUNK_FILES items."""
    return (items[start : start + CHUNK_FILES] for start in range(0, len(items), CHUNK_FILES))
