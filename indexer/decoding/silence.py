"""What Pillow keeps for the whole process, as decoding needs it and as it was before."""

from __future__ import annotations

import logging
import threading
import warnings

from PIL import Image

# Without handlers of their own, the libraries' complaints about files would be printed to stderr.
for library in ("PIL", "tifffile"):
    logging.getLogger(library).addHandler(logging.NullHandler())


class Unlimited:
    """Lifts Pillow's limit on pixels, for formats whose header says how large they are: ours is on memory.

    The limit belongs to the process: the first thread to come in lifts it, the last to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._pixels = Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                Image.MAX_IMAGE_PIXELS = self._pixels


class Silence:
    """Keeps Pillow's warnings from being printed or raised.

    The filters of `warnings` belong to the process: the first thread to come in sets them, the last to leave restores
    them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module="PIL|pillow_heif|pillow_jxl|tifffile")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


silence = Silence()
unlimited = Unlimited()
