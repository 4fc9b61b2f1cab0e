"""Damaged pictures and damaged index files: each is refused with a reason, or used; none crashes, hangs or eats memory.

Pictures of one format are decoded by one process after another, which notes each file before it opens it: of a process
that dies or hangs, the last name noted is the culprit. Damaged indexes are read by a process each.
"""

from __future__ import annotations

import hashlib
import io
import json
import selectors
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.fault_collection import Collection, content, run
from benchmarks.mutations import mutate
from indexer.encoder import find_bundle, load_generator

FORMATS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "AVIF": ".avif",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
}
# Resident memory that decoding may take beyond what the program itself does; a picture may have 89 megapixels.
DECODING_CAP_MB, SEARCH_CAP_MB = 1_500, 1_500
SECONDS_A_FILE, SECONDS_A_SEARCH = 20.0, 60.0
DECODE = """
import json, resource, sys, time
from indexer.decode import CELEBA, decode
from indexer.errors import UnreadableImage
for path in json.load(open(sys.argv[1])):
    print(json.dumps(["open", path]), flush=True)
    start = time.perf_counter()
    try:
        decode(path, CELEBA)
        outcome = "decoded"
    except UnreadableImage as error:
        outcome = "refused" if str(error) else "refused without a reason"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps(["done", path, outcome, time.perf_counter() - start, peak]), flush=True)
"""


def damaged_pictures(scratch: Path, count: int, seed: int) -> dict[str, Any]:
    """Mutate pictures of every format and decode each."""
    random = np.random.default_rng(seed)
    kinds: Counter[str] = Counter()
    paths = []
    sources = _sources()
    for number in range(count):
        suffix, source = sources[number % len(sources)]
        kind, damaged = mutate(source, random)
        kinds[kind] += 1
        path = scratch / f"{number:05}{suffix}"
        path.write_bytes(damaged)
        paths.append(str(path))
    outcomes: Counter[str] = Counter()
    problems, slowest, peak = [], 0.0, 0.0
    while paths:
        done, problem = _decode(scratch, paths)
        for _, _, outcome, seconds, memory in done:
            outcomes[outcome] += 1
            slowest, peak = max(slowest, seconds), max(peak, memory)
        paths = paths[len(done) :]
        if problem:
            problems.append(f"{paths[0]}: {problem}")
            paths = paths[1:]
    return {
        "files": count,
        "formats": [suffix for suffix, _ in sources],
        "kinds": dict(kinds),
        "outcomes": dict(outcomes),
        "crashed_or_hung": problems,
        "slowest_s": round(slowest, 2),
        "peak_mb": round(peak, 1),
        "cap_mb": DECODING_CAP_MB,
        "within_cap": peak <= DECODING_CAP_MB,
    }


def damaged_indexes(collection: Collection, scratch: Path, count: int, seed: int) -> dict[str, Any]:
    """Mutate one file each of an index or of its encoder's bundle, and query and check it."""
    random = np.random.default_rng(seed)
    bundle, whole = scratch / "bundle", scratch / "whole"
    shutil.copytree(find_bundle(), bundle)
    (bundle / "generator.onnx").unlink()
    assert run([*collection.index(whole, "--kind", "ivf-sq8", "--recall", "1"), "--encoder", str(bundle)], True)[0] == 0
    query = str(next(collection.pictures.iterdir()))
    expected = content(whole)["found"]
    answers: dict[str, Counter[str]] = {}
    problems, peak, slowest = [], 0.0, 0.0
    for number in range(count):
        name = TARGETS[number % len(TARGETS)]
        index, damaged_bundle = scratch / f"index-{number}", scratch / f"bundle-{number}"
        shutil.copytree(whole, index)
        shutil.copytree(bundle, damaged_bundle)
        kind = _damage(name, index, damaged_bundle, random)
        for verb in (["query", query, "--encoder", str(damaged_bundle), "--json"], ["query", "--id", "1"], ["check"]):
            begin = time.perf_counter()
            code, stderr, memory = _guarded([*verb, "--index", str(index)])
            slowest, peak = max(slowest, time.perf_counter() - begin), max(peak, memory)
            answer = _judged(code, stderr)
            answers.setdefault(name, Counter())[f"{verb[0]}: {answer}"] += 1
            if answer == "wrong":
                problems.append(f"{name}, {kind}, {verb[0]}: exit {code}, {stderr.strip()[-300:]}")
        if name == "vectors.faiss" and content(index)["found"] != expected:
            problems.append(f"{name}, {kind}: the results are others than before")
        shutil.rmtree(index)
        shutil.rmtree(damaged_bundle)
    return {
        "files": count,
        "answers": {name: dict(found) for name, found in answers.items()},
        "problems": problems,
        "slowest_s": round(slowest, 2),
        "peak_mb": round(peak, 1),
        "cap_mb": SEARCH_CAP_MB,
        "within_cap": peak <= SEARCH_CAP_MB,
    }


TARGETS = (
    "catalog.sqlite",
    "vectors.faiss",
    "codes.f32",
    "model.json",
    "encoder.onnx",
    "encoder.onnx with its hash mended",
)


def _damage(name: str, index: Path, bundle: Path, random: np.random.Generator) -> str:
    file = name.split()[0]
    path = (index if (index / file).exists() else bundle) / file
    kind, damaged = mutate(path.read_bytes(), random)
    path.write_bytes(damaged)
    if "mended" in name:
        model = json.loads((bundle / "model.json").read_text())
        model["files"][file] = {"sha256": hashlib.sha256(damaged).hexdigest(), "bytes": len(damaged)}
        (bundle / "model.json").write_text(json.dumps(model))
    return kind


def _judged(code: int, stderr: str) -> str:
    """Whether a command did its work, or refused with one sentence; anything else is wrong."""
    if code == 0:
        return "answered"
    is_sentence = stderr.startswith("latentsearch: ") and "Traceback" not in stderr
    return f"refused with exit code {code}" if is_sentence and 1 <= code <= 10 else "wrong"


def _guarded(arguments: list[str]) -> tuple[int, str, float]:
    """Run a command within a time limit: exit code, stderr, peak memory in MB. -1: it had to be ended."""
    code = (
        "import resource, sys\nfrom latentsearch.cli import main\n"
        f"try:\n    main({arguments!r}, prog_name='latentsearch')\n"
        "finally:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS_A_SEARCH)
    except subprocess.TimeoutExpired:
        return -1, "it hung", 0.0
    stderr, _, memory = done.stderr.rstrip().rpartition("\n")
    return done.returncode, stderr, float(memory) / 1e3 if memory.isdigit() else 0.0


def _decode(scratch: Path, paths: list[str]) -> tuple[list[Any], str]:
    """Decode files in one process: what became of each until it ended, and what it ended of, where that is wrong."""
    (scratch / "paths.json").write_text(json.dumps(paths))
    process = subprocess.Popen(
        [sys.executable, "-c", DECODE, str(scratch / "paths.json")], stdout=subprocess.PIPE, text=True
    )
    done: list[Any] = []
    assert process.stdout is not None
    last = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=1.0):
                if time.monotonic() - last > SECONDS_A_FILE:
                    process.kill()
                    process.wait()
                    return done, f"it hung for {SECONDS_A_FILE} s"
                continue
            line = process.stdout.readline()
            last = time.monotonic()
            if not line:
                break
            event = json.loads(line)
            if event[0] == "done":
                done.append(event)
    code = process.wait()
    return done, "" if len(done) == len(paths) else f"the process ended with {code}"


def _sources() -> list[tuple[str, bytes]]:
    """A sound file of every format that can be written here."""
    pictures = [Image.fromarray(pixels) for pixels in load_generator().draw(2, seed=3)]
    sources = []
    for name, suffix in FORMATS.items():
        for number, picture in enumerate(pictures):
            file = io.BytesIO()
            options: dict[str, Any] = {"progressive": bool(number)} if name == "JPEG" else {}
            options |= {"compression": "tiff_lzw"} if name == "TIFF" and number else {}
            picture.resize((178, 218)).save(file, name, **options)
            sources.append((suffix, file.getvalue()))
    return [*sources, *_heic(pictures[0])]


def _heic(picture: Image.Image) -> list[tuple[str, bytes]]:
    try:
        import pillow_heif
    except ImportError:
        return []
    file = io.BytesIO()
    pillow_heif.from_pillow(picture.resize((178, 218))).save(file, format="HEIF")
    return [(".heic", file.getvalue())]
