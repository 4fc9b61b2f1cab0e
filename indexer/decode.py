"""Bytes -> the uint8 RGB array that an encoder wants, or the reason why not."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.discover import printable, reason_for, reason_for_mode
from indexer.errors import UnreadableImage
from indexer.files.framing import CELEBA, Box, Crop, Framing, Whole
from indexer.files.opened import STORED_SIZE, opened
from indexer.files.srgb import over_white, shrunk_srgb, to_srgb
from indexer.files.upright import orientation_of, upright, upright_size
from indexer.fingerprint import Fingerprint, fingerprint_of, has_several_frames
from indexer.formats import identify
from indexer.memory import Reserve, refuse_above_cap

__all__ = [
    "CELEBA",
    "Crop",
    "Decoded",
    "Framing",
    "Whole",
    "decode",
    "decode_bytes",
    "decoder_version",
    "opened",
    "orientation_of",
    "over_white",
    "read_file",
    "shrunk_srgb",
    "to_srgb",
    "upright",
]

# To be raised whenever files that could not be decoded now can, so that these are tried again.
REVISION = 2
LIBRARIES = ("Pillow", "pillow-heif", "rawpy", "pillow-jxl-plugin", "tifffile", "imagecodecs")
# A file larger than this is not read.
BYTE_LIMIT = 2**29
# How much larger than needed a picture is decoded or shrunk, so that the result differs little from a full decode.
HEADROOM = 2
# Pictures of more pixels than this are shrunk before they are framed, since copies of them would take too much memory.
LARGE = 2**24
DRAFTED = ("JPEG", "MPO")


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: pixels uint8 RGB (h, w, 3) as framed; width and height of the upright picture in its file.

    fingerprint: of the whole picture, as indexer.fingerprint makes it.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    fingerprint: Fingerprint


def decode(path: str | Path, framing: Framing) -> NDArray[np.uint8]:
    """Decode one picture as an encoder wants it: uint8 RGB, (framing.height, framing.width, 3).

    Raises UnreadableImage with the path and the reason, whatever the file holds.
    """
    try:
        return decode_bytes(read_file(path), framing).pixels
    except UnreadableImage as error:
        raise UnreadableImage(f"{printable(path)}: {error}", may_pass=error.may_pass) from error


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
    except OSError as error:
        raise UnreadableImage(reason_for(path, error), may_pass=True) from error
    except ValueError as error:
        raise UnreadableImage(str(error)) from error


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # or opening a named pipe waits for a writer


@functools.cache
def decoder_version() -> str:
    """What decodes here, its own revision and the libraries', as text that differs where any of them does."""
    from importlib.metadata import PackageNotFoundError, version

    parts = [f"latentsearch {REVISION}"]
    for library in LIBRARIES:
        try:
            parts.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)


def decode_bytes(data: bytes, framing: Framing, reserve: Reserve = refuse_above_cap) -> Decoded:
    """Decode a picture file's bytes, first frame, upright, in sRGB, transparency on white.

    reserve: called once, before any pixel is decoded, with the bytes of memory that decoding is going to need.
    Raises UnreadableImage with the reason alone, and nothing else, whatever the bytes are; prints nothing. May run in
    several threads.
    """
    with opened(data, reserve, functools.partial(_draft, framing=framing)) as picture:
        picture.load()
        orientation = orientation_of(picture)
        width, height = upright_size(picture.info[STORED_SIZE], orientation)
        is_large = picture.width * picture.height > LARGE
        factor = max(int(_spare(upright_size(picture.size, orientation), framing)), 1) if is_large else 1
        shown = upright(shrunk_srgb(picture, factor), orientation)
        rgb = over_white(shown)
        box = _scaled(framing.box(width, height), rgb.width / width, rgb.height / height)
        framed = rgb.resize((framing.width, framing.height), Image.Resampling.BILINEAR, box=box)
        fingerprint = fingerprint_of(shown, has_several_frames(picture))
        return Decoded(np.asarray(framed), width, height, identify(data).name, fingerprint)


def _draft(picture: Image.Image, framing: Framing) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 where that leaves HEADROOM times the pixels that are wanted."""
    if picture.format not in DRAFTED:
        return
    spare = _spare(upright_size(picture.size, orientation_of(picture)), framing)
    scale = next(scale for scale in (8, 4, 2, 1) if spare >= scale or scale == 1)
    if scale > 1:
        picture.draft(None, (picture.width // scale, picture.height // scale))


def _spare(size: tuple[int, int], framing: Framing) -> float:
    """How many times smaller a picture may be, width and height, and still have HEADROOM times the pixels wanted."""
    left, top, right, bottom = framing.box(*size)
    return min((right - left) / framing.width, (bottom - top) / framing.height) / HEADROOM


def _scaled(box: Box, across: float, down: float) -> Box:
    left, top, right, bottom = box
    return left * across, top * down, right * across, bottom * down
