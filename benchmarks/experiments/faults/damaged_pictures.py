"""Damaged pictures: each must be decoded or refused with a reason, without a crash or a hang.

One process decodes them in turn and notes each file before it opens it, so the last noted file caused a crash or a
hang. A new process continues after it.
"""

from __future__ import annotations

import io
import json
import selectors
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.datasets.mutations import mutate
from indexer.encoders.generator import load_generator

FORMATS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "AVIF": ".avif",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
}
# The cap on the decoding process's resident memory, in MB; a picture may have 89 megapixels.
CAP_MB = 1_500
SECONDS_A_FILE = 20.0
DECODE = """
import json, sys, time
from benchmarks.core.child_process import own_peak_kib
from indexer.decoding.decode import decode
from indexer.encoders.framing import CELEBA
from indexer.errors import UnreadableImage
for path in json.load(open(sys.argv[1])):
    print(json.dumps({"path": path}), flush=True)
    start = time.perf_counter()
    try:
        decode(path, CELEBA)
        outcome = "decoded"
    except UnreadableImage as error:
        outcome = "refused" if str(error) else "refused without a reason"
    done = {"outcome": outcome, "seconds": time.perf_counter() - start, "peak_mb": own_peak_kib() / 1e3}
    print(json.dumps(done), flush=True)
"""


@dataclass
class Decoded:
    """The outcome of each file until the process ended, and the reason if it ended abnormally."""

    events: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""


def damaged_pictures(scratch: Path, count: int, seed: int) -> dict[str, Any]:
    """Mutate pictures of every format, `count` files in total, and decode each."""
    sources = _sources()
    mutations, paths = _mutated(sources, scratch, count, np.random.default_rng(seed))
    events, problems = [], []
    while paths:
        decoded = _decode(scratch, paths)
        events += decoded.events
        paths = paths[len(decoded.events) :]
        if decoded.problem:
            problems.append(f"{Path(paths[0]).name}: {decoded.problem}")
            paths = paths[1:]
    peak = max((event["peak_mb"] for event in events), default=0.0)
    return {
        "files": count,
        "formats": sorted({suffix for suffix, _ in sources}),
        "kinds": dict(mutations),
        "outcomes": dict(Counter(event["outcome"] for event in events)),
        "problems": problems,
        "slowest_s": round(max((event["seconds"] for event in events), default=0.0), 2),
        "peak_mb": round(peak, 1),
        "cap_mb": CAP_MB,
        "within_cap": peak <= CAP_MB,
    }


def _mutated(
    sources: list[tuple[str, bytes]], folder: Path, count: int, random: np.random.Generator
) -> tuple[Counter[str], list[str]]:
    """Write damaged files, cycling through the sources; return the count of each mutation, and the paths."""
    mutations: Counter[str] = Counter()
    paths = []
    for number in range(count):
        suffix, source = sources[number % len(sources)]
        mutation, damaged = mutate(source, random)
        mutations[mutation] += 1
        path = folder / f"{number:05}{suffix}"
        path.write_bytes(damaged)
        paths.append(str(path))
    return mutations, paths


def _decode(scratch: Path, paths: list[str]) -> Decoded:
    """Decode files in one process until all are done, or until it dies or hangs."""
    (scratch / "paths.json").write_text(json.dumps(paths))
    decoded = Decoded()
    command = [sys.executable, "-c", DECODE, str(scratch / "paths.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        _listen(process, decoded)
        process.kill()
    if len(decoded.events) < len(paths):
        decoded.problem = decoded.problem or f"the process ended with {process.returncode}"
    return decoded


def _listen(process: subprocess.Popen[str], decoded: Decoded) -> None:
    """Record the process's output until it ends or hangs."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(timeout=SECONDS_A_FILE):
            line = process.stdout.readline()
            if not line:
                return
            event = json.loads(line)
            if "outcome" in event:
                decoded.events.append(event)
    decoded.problem = f"it hung for {SECONDS_A_FILE:g} s"


def _sources() -> list[tuple[str, bytes]]:
    """Intact files of every format that can be written here: suffix and bytes."""
    pictures = [Image.fromarray(pixels).resize((178, 218)) for pixels in load_generator().draw(2, seed=3)]
    sources = []
    for name, suffix in FORMATS.items():
        for number, picture in enumerate(pictures):
            options: dict[str, Any] = {"progressive": bool(number)} if name == "JPEG" else {}
            options |= {"compression": "tiff_lzw"} if name == "TIFF" and number else {}
            file = io.BytesIO()
            picture.save(file, name, **options)
            sources.append((suffix, file.getvalue()))
    return [*sources, *_heic(pictures[0])]


def _heic(picture: Image.Image) -> list[tuple[str, bytes]]:
    try:
        import pillow_heif
    except ImportError:
        return []
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, format="HEIF")
    return [(".heic", file.getvalue())]
