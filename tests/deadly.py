"""Framings that kill or stall the process at pictures of one size, as a decoder bug would."""

from __future__ import annotations

import os
import signal
import time

from indexer.encoders.framing import Framing

DEADLY_SIZE = (13, 13)
# A size whose decoding first reserves memory.
LARGE_DEADLY_SIZE = (3_000, 2_001)


class DeadlyFraming(Framing):
    """Kills the process, like a crash inside a decoder."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        if (width, height) in (DEADLY_SIZE, LARGE_DEADLY_SIZE):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().box(width, height)


class StallingFraming(Framing):
    """Never returns, like a stalled drive."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        if (width, height) == DEADLY_SIZE:
            time.sleep(1_000)
        return super().box(width, height)
