"""What Pillow keeps for the whole process, as decoding needs it and as it was before."""

from __future__ import annotations

import logging
import threading
import warnings

from PIL import Image

# Without a handler of its own, Pillow's complaints about files would be printed to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class Silence:
    """Keeps Pillow's warnings from being printed or raised, and lifts its limit on pixels: ours is on memory.

    Both belong to the process: the first thread to come in sets them, the last to leave restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()
        self._pixels = Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module="PIL|pillow_heif|pillow_jxl|tifffile")
                self._pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                Image.MAX_IMAGE_PIXELS = self._pixels
                self._filters.__exit__(None, None, None)


silence = Silence()
