"""Decoded chunks -> their codes, in the order in which they become ready, by a thread a core."""

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
# Threads that encode let those go first that decode and store: an encoder that takes turns with them on a core, every
# few milliseconds, pushes what they work on out of its caches, which costs 1.5 % of all processor time.
NICENESS = 10


class EncodedChunk(NamedTuple):
    """A decoded chunk, the codes of its pixels, float32 (n, d), a row of NaN where there is none, and their seconds."""

    decoded: DecodedChunk
    codes: NDArray[np.float32]
    seconds: float


class EncodingPool(OrderedThreads[EncodedChunk]):
    """Encodes decoded chunks, several at once; decoded: as a stage gives its results, with None now and then."""

    def __init__(self, encoder: PictureEncoder, decoded: Iterator[DecodedChunk | None]) -> None:
        super().__init__(cores())
        self._encoder = encoder
        self._decoded = decoded
        self._taking = threading.Lock()
        self._is_done = False

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere it would hold for the whole process
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while not self._is_done and not self._ending.is_set():
            decoded = self._take()
            if decoded is not None:
                start = time.perf_counter()
                codes = encode_surely(self._encoder, decoded.pixels)
                self._put(EncodedChunk(decoded, codes, time.perf_counter() - start))

    def _take(self) -> DecodedChunk | None:
        with self._taking:
            try:
                return next(self._decoded)
            except StopIteration:
                self._is_done = True
                return None


def encode_surely(encoder: PictureEncoder, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Codes of pictures, uint8 (n, h, w, 3) -> float32 (n, d); a row of NaN for a picture that has none."""
    if len(pixels) == 0:
        return np.empty((0, encoder.latent_size), np.float32)
    try:
        return encoder.encode(pixels)
    except EncoderError:
        if len(pixels) == 1:
            return np.full((1, encoder.latent_size), np.nan, np.float32)
        return np.concatenate([encode_surely(encoder, pixels[row : row + 1]) for row in range(len(pixels))])
