"""Named picture files -> their pixels; one that crashes its decoder costs itself alone."""

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
    """Decode picture files: uint8 (n, h, w, 3). Raises UnreadableImage with the first one's name and the reason."""
    pixels = np.empty((len(paths), framing.height, framing.width, 3), np.uint8)
    for row, picture in enumerate(decoded_files(paths, framing)):
        if isinstance(picture, str):
            raise UnreadableImage(f"{printable(paths[row])}: {picture}")
        pixels[row] = picture
    return pixels


def decoded_files(paths: Sequence[str | Path], framing: Framing) -> Iterator[NDArray[np.uint8] | str]:
    """Decode picture files, in this order: uint8 (h, w, 3) of each, or the reason why it cannot be used.

    Several are decoded by worker processes. A single one is decoded here, which takes less time.
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
