"""Encodes decoded chunks with one thread per core; results come in the order in which they are ready."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import PictureEncoder
from indexer.errors import EncoderError
from indexer.system.limits import cores
from indexer.workers.pool import OrderedThreads
from indexer.workers.tasks import DecodedChunk

NO_CODE = "the encoder gives no finite code for it"
# Encoding threads yield to those that decode and store. Alternating with them on a core every few milliseconds would
# evict their data from the caches, which costs 1.5 % of all processor time.
NICENESS = 10


class EncodedChunk(NamedTuple):
    """A decoded chunk, its codes, float32 (n, d), with NaN rows for failures, and the seconds that encoding took.

    faces: the codes of its faces, float32 (m, e), in the order of their pixels; None if no faces were wanted.
    """

    decoded: DecodedChunk
    codes: NDArray[np.float32]
    seconds: float
    faces: NDArray[np.float32] | None = None


class EncodingPool(OrderedThreads[EncodedChunk]):
    """Encodes several decoded chunks at once; decoded: chunks, with None while no chunk is ready.

    faces: encodes the faces of the chunks; None to leave them.
    """

    def __init__(
        self,
        encoder: PictureEncoder,
        decoded: Iterator[DecodedChunk | None],
        faces: PictureEncoder | None = None,
    ) -> None:
        super().__init__(cores())
        self._encoder = encoder
        self._faces = faces
        self._decoded = decoded
        self._taking = threading.Lock()
        self._is_done = False

    def _work(self) -> None:
        if sys.platform == "linux":  # on other systems, this would change the whole process's priority
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while not self._is_done and not self._ending.is_set():
            decoded = self._take()
            if decoded is not None:
                start = time.perf_counter()
                codes = encode_surely(self._encoder, decoded.pixels)
                faces = None if self._faces is None else encode_surely(self._faces, decoded.faces)
                self._put(EncodedChunk(decoded, codes, time.perf_counter() - start, faces))

    def _take(self) -> DecodedChunk | None:
        with self._taking:
            try:
                return next(self._decoded)
            except StopIteration:
                self._is_done = True
                return None


def encode_surely(encoder: PictureEncoder, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Encode pictures, uint8 (n, h, w, 3), as float32 (n, d); a picture without a finite code gets a row of NaN."""
    if len(pixels) == 0:
        return np.empty((0, encoder.latent_size), np.float32)
    try:
        return encoder.encode(pixels)
    except EncoderError:
        if len(pixels) == 1:
            return np.full((1, encoder.latent_size), np.nan, np.float32)
        return np.concatenate([encode_surely(encoder, pixels[row : row + 1]) for row in range(len(pixels))])
