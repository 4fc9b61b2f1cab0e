"""Decode picture files to arrays. A file that crashes its decoder does not affect the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import decode_bytes, read_file
from indexer.encoders.framing import Framing
from indexer.errors import UnreadableImage
from indexer.paths import printable
from indexer.system.limits import cores


def load_pictures(paths: Sequence[Path], framing: Framing) -> NDArray[np.uint8]:
    """Decode picture files: uint8 (n, h, w, 3). Raises UnreadableImage for the first that cannot be decoded."""
    pixels = np.empty((len(paths), framing.height, framing.width, 3), np.uint8)
    for row, picture in enumerate(decoded_files(paths, framing)):
        if isinstance(picture, str):
            raise UnreadableImage(f"{printable(paths[row])}: {picture}")
        pixels[row] = picture
    return pixels


def decoded_files(paths: Sequence[str | Path], framing: Framing) -> Iterator[NDArray[np.uint8] | str]:
    """Decode picture files in order: yield uint8 (h, w, 3) for each, or a string with the reason for a failure.

    Several files are decoded in worker processes. A single file is decoded in this process, to save starting a worker.
    """
    if len(paths) == 1:
        yield _decoded_here(paths[0], framing)
        return
    from indexer.workers.in_order import decoded_in_order, job_at

    for outcome, pixels in decoded_in_order(framing, map(job_at, paths), min(cores(), len(paths))):
        yield outcome.reason if pixels is None else pixels


def _decoded_here(path: str | Path, framing: Framing) -> NDArray[np.uint8] | str:
    try:
        return decode_bytes(read_file(path), framing).pixels
    except UnreadableImage as error:
        return str(error)
