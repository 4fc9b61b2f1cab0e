"""Computes something for every picture of a folder once, on all cores, and caches it as a memory-mapped file."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from indexer.decoding.decode import decode
from indexer.encoders.framing import Framing
from indexer.system.disk import atomic_path
from indexer.system.limits import cores

CHUNK = 100
HASHES = {"dhash": "dhash", "phash": "phash", "ahash": "average_hash", "whash": "whash"}
COLOUR_BINS = 8
FEATURES = np.dtype([*((name, np.uint8, 64) for name in HASHES), ("colours", np.uint32, COLOUR_BINS**3)])

Compute = Callable[[Path], NDArray[Any]]


def framed(paths: Sequence[Path], framing: Framing) -> NDArray[np.uint8]:
    """The pictures as an encoder receives them: uint8 (n, framing.height, framing.width, 3), a read-only memory map."""
    label = f"framed-{framing.to_json()}"
    return cached_rows(label, paths, partial(decode, framing=framing))


def features(paths: Sequence[Path]) -> NDArray[Any]:
    """The classical features of the full pictures: a structured array (n,) with the fields of FEATURES.

    dhash, phash, ahash and whash are ImageHash's hashes of the default 64 bits, as uint8 0 or 1; colours is the
    histogram over 8x8x8 RGB bins.
    """
    return cached_rows(f"features-{import_imagehash().__version__}", paths, picture_features)


def import_imagehash() -> Any:
    """Import imagehash. Raises MissingExtra if it is not installed."""
    try:
        import imagehash
    except ImportError as error:
        from indexer.errors import MissingExtra

        raise MissingExtra("ImageHash is not installed: pip install 'latentsearch[bench]'") from error
    return imagehash


def picture_features(path: Path) -> NDArray[Any]:
    """The features of one picture: a structured scalar array of type FEATURES."""
    from PIL import Image

    imagehash = import_imagehash()
    row = np.zeros((), FEATURES)
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    for name, function in HASHES.items():
        row[name] = getattr(imagehash, function)(picture).hash.ravel()
    row["colours"] = colour_histogram(np.asarray(picture))
    return row


def colour_histogram(image: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The number of pixels of an RGB image (h, w, 3) in each of 8x8x8 colour bins: uint32 (512,)."""
    red, green, blue = np.moveaxis(image // (256 // COLOUR_BINS), -1, 0).astype(np.int64)
    bins = (red * COLOUR_BINS + green) * COLOUR_BINS + blue
    return np.bincount(bins.ravel(), minlength=COLOUR_BINS**3).astype(np.uint32)


def cached_rows(label: str, paths: Sequence[Path], compute: Compute) -> NDArray[Any]:
    """Apply `compute` to every picture and stack the results: a read-only memory map, recomputed if a file changes.

    label: identifies the computation. Raises UnreadableImage for a picture that cannot be used.
    """
    folder = cache_folder()
    path = folder / f"{label.partition('-')[0]}-{_fingerprint(label, paths)}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as unfinished:
            _write(unfinished, paths, compute, label.partition("-")[0])
    mapped: NDArray[Any] = np.load(path, mmap_mode="r")
    return mapped


def cache_folder() -> Path:
    """The folder of cached rows; it can be deleted at any time."""
    import platformdirs

    return platformdirs.user_cache_path("latentsearch") / "benchmarks"


def _fingerprint(label: str, paths: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{label} Pillow {PIL.__version__}".encode())
    for path in paths:
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def _write(path: Path, paths: Sequence[Path], compute: Compute, title: str) -> None:
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    done = _map(partial(_compute_chunk, compute=compute), chunks)
    rows: np.memmap[Any, Any] | None = None
    start = 0
    for chunk in progress(done, len(chunks), f"{title} of {len(paths):,} pictures"):
        if rows is None:
            rows = np.lib.format.open_memmap(path, "w+", chunk.dtype, (len(paths), *chunk.shape[1:]))
        rows[start : start + len(chunk)] = chunk
        start += len(chunk)
    assert rows is not None
    rows.flush()


def _compute_chunk(paths: Sequence[Path], compute: Compute) -> NDArray[Any]:
    return np.stack([compute(path) for path in paths])


def _map(function: Callable[[Sequence[Path]], NDArray[Any]], chunks: list[Sequence[Path]]) -> Iterator[NDArray[Any]]:
    if len(chunks) <= 2:
        yield from map(function, chunks)
        return
    # Spawned, because a fork of a process that runs threads of ONNX Runtime or PyTorch may hang.
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(function, chunks)


def progress(items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
    """Iterate over the items with a progress bar on stderr, if stderr is a terminal."""
    console = Console(stderr=True)
    return track(items, title, total, console=console, disable=not console.is_terminal)
