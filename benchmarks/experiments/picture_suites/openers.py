"""Opens picture files with our decoder and four libraries, each in its own process, which a file may crash.

A process reads one path per line and answers each with one line of JSON: {"width", "height", "pixels"} (base64 of SIDE
x SIDE x 3 sRGB bytes: the whole picture, upright, over white), from our decoder also "format" and "incomplete", or
{"reason"} if the file cannot be opened.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from indexer.decoding.decode import decode_bytes, read_file
from indexer.encoders.framing import Whole
from indexer.errors import UnreadableImage

SIDE = 64
SECONDS_A_FILE = 20.0
COMMAND = "import sys; from benchmarks.experiments.picture_suites.openers import serve; serve(sys.argv[1])"


class Opener:
    """A process that opens files with one decoder, restarted if a file crashes it or takes too long."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._start()

    def open(self, path: Path) -> dict[str, Any]:
        """The process's answer for a file."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(os.fspath(path)) + "\n")
        self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            answered = bool(selector.select(timeout=SECONDS_A_FILE))
        line = self._process.stdout.readline() if answered else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._process.kill()
        code = self._process.wait()
        self._start()
        return {"reason": f"it crashed with {code}" if answered else f"it hung for {SECONDS_A_FILE:g} s"}

    def _start(self) -> None:
        command = [sys.executable, "-c", COMMAND, self._way]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def serve(way: str) -> None:
    """Answer every path read from stdin."""
    for line in sys.stdin:
        try:
            answer = WAYS[way](json.loads(line))
        except Exception as error:
            answer = {"reason": " ".join(str(error).split())[:300] or type(error).__name__}
        print(json.dumps(answer), flush=True)


def pixels_of(answer: dict[str, Any]) -> NDArray[np.uint8]:
    """The picture in an answer, uint8 (SIDE, SIDE, 3)."""
    return np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8).reshape(SIDE, SIDE, 3)


def _answer(picture: Image.Image) -> dict[str, Any]:
    shrunk = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return {"width": picture.width, "height": picture.height, "pixels": base64.b64encode(shrunk.tobytes()).decode()}


def _ours(path: str) -> dict[str, Any]:
    try:
        decoded = decode_bytes(read_file(path), Whole(SIDE, SIDE))
    except UnreadableImage as error:
        return {"reason": str(error)}
    pixels = base64.b64encode(decoded.pixels.tobytes()).decode()
    answer: dict[str, Any] = {"width": decoded.width, "height": decoded.height, "pixels": pixels}
    return answer | {"format": decoded.format, "incomplete": decoded.incomplete}


def _pillow(path: str) -> dict[str, Any]:
    with Image.open(path) as picture:
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        rgba = upright.convert("RGBA") if upright.has_transparency_data else upright.convert("RGB").convert("RGBA")
        return _answer(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba))


def _pillow_heif(path: str) -> dict[str, Any]:
    import pillow_heif

    picture = pillow_heif.open_heif(path)[0].to_pillow()
    return _answer(picture)


def _libvips(path: str, fail_on: str = "error") -> dict[str, Any]:
    import pyvips

    picture = pyvips.Image.new_from_file(path, access="sequential", fail_on=fail_on).autorot()
    if picture.get_typeof("icc-profile-data"):
        try:
            picture = picture.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=True)
        except pyvips.Error:
            picture = picture.colourspace("srgb")
    else:
        picture = picture.colourspace("srgb")
    if picture.hasalpha():
        picture = picture.flatten(background=255)
    bands = picture.cast("uchar").numpy().reshape(picture.height, picture.width, -1)
    return _answer(Image.fromarray(np.ascontiguousarray(bands[..., :3] if bands.shape[2] >= 3 else bands[..., 0])))


def _libvips_lenient(path: str) -> dict[str, Any]:
    return _libvips(path, "none")


def _tifffile(path: str) -> dict[str, Any]:
    import tifffile

    from benchmarks.experiments.picture_suites.careful_tiff import picture_of

    with tifffile.TiffFile(path) as file:
        return _answer(picture_of(file.pages[0]))


WAYS = {
    "ours": _ours,
    "pillow": _pillow,
    "pillow-heif": _pillow_heif,
    "libvips": _libvips,
    "libvips-lenient": _libvips_lenient,
    "tifffile": _tifffile,
}
