"""Bytes -> the uint8 RGB array that an encoder wants, or the reason why not."""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from indexer.discover import printable, reason_for, reason_for_mode
from indexer.errors import UnreadableImage
from indexer.fingerprint import fingerprint_of
from indexer.formats import identify, load_plugin

# 89 megapixels, 256 MiB as RGB: where Pillow itself begins to suspect a decompression bomb.
PIXEL_LIMIT = 2**28 // 3
TOO_LARGE = f"it has more than {PIXEL_LIMIT / 1e6:.0f} megapixels"
# An uncompressed picture of that size with alpha has 341 MiB.
BYTE_LIMIT = 2**29
# How much larger than needed a JPEG is decoded, so that the result differs little from a full decode.
HEADROOM = 2
ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Without a handler of its own, Pillow's complaints about files would be printed to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Crop:
    """The part to use of pictures of one shape, in the pixels of a reference size.

    aspect: (width, height) of the reference size, e.g. (178, 218) for aligned CelebA faces.
    box: (left, top, right, bottom) in that size; scaled to pictures of the same shape.
    """

    aspect: tuple[int, int]
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Framing:
    """How a picture becomes an encoder's input: a crop by its shape, else its centre square; then bilinear."""

    width: int
    height: int
    crops: tuple[Crop, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Framing:
        """Read the `framing` of a bundle's model.json."""
        crops = tuple(Crop(tuple(crop["aspect"]), tuple(crop["box"])) for crop in data.get("crops", []))
        return cls(data["width"], data["height"], crops)

    def to_json(self) -> dict[str, Any]:
        """The `framing` of a bundle's model.json."""
        crops = [{"aspect": list(crop.aspect), "box": list(crop.box)} for crop in self.crops]
        return {"width": self.width, "height": self.height, "crops": crops}

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of a picture of this size that is used: (left, top, right, bottom) in its pixels."""
        for crop in self.crops:
            scale = width / crop.aspect[0]
            if abs(height / crop.aspect[1] / scale - 1) < 0.005:
                left, top, right, bottom = (scale * edge for edge in crop.box)
                return left, top, min(right, width), min(bottom, height)
        side_by_height = min(width / self.width, height / self.height)
        used_width, used_height = side_by_height * self.width, side_by_height * self.height
        left, top = max((width - used_width) / 2, 0.0), max((height - used_height) / 2, 0.0)
        return left, top, min(left + used_width, width), min(top + used_height, height)


class Whole(Framing):
    """The whole of every picture, squeezed to width x height whatever its shape."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """All of it."""
        return 0.0, 0.0, float(width), float(height)


CELEBA = Framing(64, 64, (Crop((178, 218), (15, 40, 163, 188)),))


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: pixels uint8 RGB (h, w, 3) as framed; width and height of the upright picture in its file.

    fingerprint: of the whole picture, as indexer.fingerprint makes it.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    fingerprint: NDArray[np.uint8]


def decode(path: str | Path, framing: Framing) -> NDArray[np.uint8]:
    """Decode one picture as an encoder wants it: uint8 RGB, (framing.height, framing.width, 3).

    Raises UnreadableImage with the path and the reason, whatever the file holds.
    """
    try:
        return decode_bytes(read_file(path), framing).pixels
    except UnreadableImage as error:
        raise UnreadableImage(f"{printable(path)}: {error}") from error


def read_file(path: str | Path) -> bytes:
    """Read a file at once. Raises UnreadableImage with the reason alone; never waits on a named pipe."""
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            reason = reason_for_mode(status.st_mode)
            if reason is None and status.st_size > BYTE_LIMIT:
                reason = f"larger than {BYTE_LIMIT >> 20} MiB"
            if reason is not None:
                raise UnreadableImage(reason)
            return file.read()
    except (OSError, ValueError) as error:
        reason = reason_for(path, error) if isinstance(error, OSError) else str(error)
        raise UnreadableImage(reason) from error


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # or opening a named pipe waits for a writer


def decode_bytes(data: bytes, framing: Framing) -> Decoded:
    """Decode a picture file's bytes, first frame, upright, transparency on white.

    Raises UnreadableImage with the reason alone, and nothing else, whatever the bytes are; prints nothing. May run in
    several threads.
    """
    try:
        with _silence:
            return _decode(data, framing)
    except UnreadableImage:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImage(TOO_LARGE) from error
    except MemoryError as error:
        raise UnreadableImage("not enough memory to decode it") from error
    except Exception as error:  # Pillow raises nearly anything for bytes that somebody made up
        raise UnreadableImage(f"not decodable as {identify(data).name}: {_describe(error)}") from error


def _decode(data: bytes, framing: Framing) -> Decoded:
    kind = identify(data)
    load_plugin(kind)
    with Image.open(io.BytesIO(data), formats=[kind.pillow]) as picture:
        stored = picture.size
        _check_size(*stored)
        if kind.name == "JPEG":
            _draft(picture, framing)
        picture.load()
        orientation = _orientation(picture)
        rgb = _to_rgb(picture)
        if orientation in TURNS:
            rgb = rgb.transpose(TURNS[orientation])
        width, height = _upright(stored, orientation)
        box = _scaled(framing.box(width, height), rgb.width / width, rgb.height / height)
        framed = rgb.resize((framing.width, framing.height), Image.Resampling.BILINEAR, box=box)
    return Decoded(np.asarray(framed), width, height, kind.name, fingerprint_of(rgb))


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise UnreadableImage(f"the picture has no pixels ({width}x{height})")
    if width * height > PIXEL_LIMIT:
        raise UnreadableImage(TOO_LARGE)


def _draft(picture: Image.Image, framing: Framing) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 where that leaves HEADROOM times the pixels that are wanted."""
    width, height = picture.size
    left, top, right, bottom = framing.box(*_upright(picture.size, _orientation(picture)))
    spare = min((right - left) / framing.width, (bottom - top) / framing.height) / HEADROOM
    scale = next(scale for scale in (8, 4, 2, 1) if spare >= scale or scale == 1)
    if scale > 1:
        picture.draft(None, (width // scale, height // scale))


def _orientation(picture: Image.Image) -> int:
    try:
        orientation = picture.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block does not make the picture unusable
        return 1
    return orientation if orientation in TURNS else 1


def _upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation >= 5 else size


def _scaled(box: tuple[float, float, float, float], across: float, down: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return left * across, top * down, right * across, bottom * down


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        return Image.fromarray(_to_8_bit(np.asarray(picture), picture.mode)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _to_8_bit(values: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    """Scale grey values to 0..255: 16 bits from 65535, others from the least usual white that none exceeds.

    32-bit and float pictures do not say what white is; where they are negative, their darkest value is black.
    """
    grey = np.clip(np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0), -1e30, 1e30)
    whites = {"I": (255, 65535), "F": (1, 255, 65535)}.get(mode, (65535,))
    grey -= min(grey.min(), 0)
    brightest = float(grey.max())
    white = next((white for white in whites if brightest <= white), brightest)
    scaled: NDArray[np.uint8] = np.rint(grey * (255 / white)).astype(np.uint8)
    return scaled


def _describe(error: Exception) -> str:
    message = " ".join(str(error).split())[:200]
    if isinstance(error, UnidentifiedImageError) or "decoder object" in message:
        return "it is damaged or cut off"
    return message or type(error).__name__


class _Silence:
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
                warnings.filterwarnings("ignore", module="PIL|pillow_heif")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_silence = _Silence()
