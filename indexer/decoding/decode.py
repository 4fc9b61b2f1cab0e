"""Decodes picture files into the uint8 RGB arrays that encoders take, or explains why it cannot."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.decoding.file_types import Format, identify
from indexer.decoding.opened import LARGE, opened
from indexer.decoding.srgb import (
    STORED_SIZE,
    has_alpha,
    orientation_of,
    scale_of_deep,
    shrunk_srgb,
    upright,
    upright_size,
)
from indexer.encoders.framing import Box, Framing
from indexer.errors import UnreadableImage
from indexer.paths import printable, reason_for, reason_for_mode
from indexer.system.limits import Reserve, refuse_above_cap

if TYPE_CHECKING:
    from indexer.decoding.fingerprint import Fingerprint
    from indexer.facts.facts import Facts

# Files of more than this many bytes are not read.
BYTE_LIMIT = 2**29
# Pictures are decoded or shrunk to this many times the size needed, so that the result is close to a full decode.
HEADROOM = 2
# For faces, the longer side of a picture stays at least this many pixels: twice what the detector looks at.
LONGER_SIDE = 1600
DRAFTED = ("JPEG", "MPO")


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: framed pixels, uint8 RGB (h, w, 3), and the size of the whole picture when upright.

    fingerprint: of the whole picture, if requested. picture: the upright RGB picture, if requested, possibly reduced to
    not less than LONGER_SIDE. incomplete: whether part of the file is missing or damaged, so that part of the picture
    is grey. facts: what the picture states about itself, if requested.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    fingerprint: Fingerprint | None = None
    incomplete: bool = False
    picture: Image.Image | None = None
    facts: Facts | None = None


def decode(path: str | Path, framing: Framing) -> NDArray[np.uint8]:
    """Decode one picture file for an encoder: uint8 RGB, (framing.height, framing.width, 3).

    Raises UnreadableImage with the path and the reason, whatever the file contains.
    """
    try:
        return decode_bytes(read_file(path), framing).pixels
    except UnreadableImage as error:
        raise UnreadableImage(f"{printable(path)}: {error}", may_pass=error.may_pass) from error


def read_file(path: str | Path) -> bytes:
    """Read a whole file. Raises UnreadableImage with the reason only; never blocks on a named pipe."""
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
    return os.open(path, flags | os.O_NONBLOCK)  # without it, opening a named pipe waits for a writer


class CutOff(UnreadableImage):
    """Some pixels of a picture could not be decoded."""


def _load(picture: Image.Image, data: bytes, file_type: Format) -> None:
    """Decode the pixels of an opened picture. Raises CutOff if that fails for any reason but lack of memory."""
    try:
        picture.load()
    except (MemoryError, UnreadableImage):
        raise
    except Exception as error:
        from indexer.decoding.reasons import reason_of

        raise CutOff(reason_of(error, data, file_type)) from error


def decode_bytes(
    data: bytes,
    framing: Framing,
    reserve: Reserve = refuse_above_cap,
    *,
    with_fingerprint: bool = False,
    with_picture: bool = False,
    with_facts: bool = False,
) -> Decoded:
    """Decode the first frame of a picture file's bytes, upright, in sRGB, with transparency on white.

    reserve: called once, before any pixel is decoded, with the bytes of memory that decoding will need.
    with_fingerprint: also compute the picture's fingerprint. with_picture: also return the picture. with_facts: also
    read its facts. Raises only UnreadableImage, with the reason only, whatever the bytes are; prints nothing.
    Thread-safe.
    """
    reserve = _once(reserve)
    wanted = _Wanted(framing, with_fingerprint, with_picture)
    facts = None
    try:
        with opened(data, reserve, functools.partial(_draft, wanted=wanted)) as picture:
            facts = _facts(picture, data) if with_facts else None
            _load(picture, data, identify(data))
            return replace(_Seen.of(picture, wanted).framed(wanted, identify(data).name), facts=facts)
    except CutOff as error:
        reason = str(error)  # keeping the error itself would keep the picture in memory
    except UnreadableImage as error:
        from indexer.decoding.formats.webp import is_cut_webp

        if error.may_pass or not is_cut_webp(data):
            raise
        reason = str(error)
    return replace(_as_far_as_it_goes(data, wanted, reserve, reason), facts=facts)


class _Wanted(NamedTuple):
    """What is decoded: the framing, and whether the fingerprint and the picture are wanted, too."""

    framing: Framing
    with_fingerprint: bool
    with_picture: bool

    def spare(self, size: tuple[int, int]) -> float:
        """Return the factor by which a picture can shrink and still be HEADROOM times as wide and high as needed."""
        left, top, right, bottom = self.framing.box(*size)
        spare = min((right - left) / self.framing.width, (bottom - top) / self.framing.height) / HEADROOM
        return min(spare, max(size) / LONGER_SIDE) if self.with_picture else spare


def _as_far_as_it_goes(data: bytes, wanted: _Wanted, reserve: Reserve, reason: str) -> Decoded:
    from indexer.decoding.incomplete import DARK, LEAST_SEEN, LIGHT, completed, load_partly, merged, rows_there

    file_type = identify(data)
    whole = completed(data, file_type)
    seen: list[_Seen] = []
    fills: list[tuple[int, int, int]] = []
    rows, scale = 0, None
    for fill in (DARK, LIGHT):
        with opened(whole, reserve, functools.partial(_draft, wanted=wanted)) as picture:
            rows = rows or rows_there(data, file_type, picture.height)
            fills.append(load_partly(picture, fill, file_type, rows, scale))
            scale = scale_of_deep(picture)
            seen.append(_Seen.of(picture, wanted._replace(with_fingerprint=False)))
    rgb, share = merged(seen[0].rgb, seen[1].rgb, (fills[0], fills[1]))
    if share < LEAST_SEEN:
        raise UnreadableImage(f"{reason}; too little of the picture is present ({share:.0%})" if share else reason)
    whole_picture = replace(seen[0], rgb=rgb, fingerprint=_fingerprint(rgb) if wanted.with_fingerprint else None)
    return whole_picture.framed(wanted, file_type.name, incomplete=True)


def _facts(picture: Image.Image, data: bytes) -> Facts:
    from indexer.facts.read import facts_of

    return facts_of(picture, data)


def _fingerprint(shown: Image.Image, picture: Image.Image | None = None) -> Fingerprint:
    """Compute the fingerprint of the visible picture; `picture`, the opened file, may have more frames."""
    from indexer.decoding.fingerprint import fingerprint_of, has_several_frames

    return fingerprint_of(shown, picture is not None and has_several_frames(picture))


def _once(reserve: Reserve) -> Reserve:
    """Wrap `reserve` so that a picture that is opened several times reserves memory only once."""
    asked: list[int] = []

    def reserve_once(needed: int) -> None:
        if not asked:
            asked.append(needed)
            reserve(needed)

    return reserve_once


@dataclass(frozen=True)
class _Seen:
    """An upright RGB picture, possibly shrunk, with the full size in its file and possibly a fingerprint."""

    rgb: Image.Image
    width: int
    height: int
    fingerprint: Fingerprint | None

    @classmethod
    def of(cls, picture: Image.Image, wanted: _Wanted) -> _Seen:
        """Convert a decoded picture to upright RGB, shrinking it if it is large."""
        orientation = orientation_of(picture)
        width, height = upright_size(picture.info.get(STORED_SIZE, picture.size), orientation)
        is_large = picture.width * picture.height > LARGE
        factor = max(int(wanted.spare(upright_size(picture.size, orientation))), 1) if is_large else 1
        # For a picture with alpha, compute the fingerprint from a small version to avoid a full-size copy.
        with_fingerprint = wanted.with_fingerprint
        small = _small_with_alpha(picture) if with_fingerprint and has_alpha(picture) else None
        rgb = upright(shrunk_srgb(picture, factor, on_white=True), orientation)
        shown = rgb if small is None else upright(small, orientation)
        return cls(rgb, width, height, _fingerprint(shown, picture) if with_fingerprint else None)

    def framed(self, wanted: _Wanted, format: str, incomplete: bool = False) -> Decoded:
        """Crop and scale to an encoder's framing."""
        framing, picture = wanted.framing, self.rgb if wanted.with_picture else None
        across, down = self.rgb.width / self.width, self.rgb.height / self.height
        box = _scaled(framing.box(self.width, self.height), across, down)
        framed = self.rgb.resize((framing.width, framing.height), Image.Resampling.BILINEAR, box=box)
        pixels = np.asarray(framed)
        return Decoded(pixels, self.width, self.height, format, self.fingerprint, incomplete, picture)


def _small_with_alpha(picture: Image.Image) -> Image.Image:
    from indexer.decoding.fingerprint import SIDE

    return shrunk_srgb(picture, max(min(picture.size) // (HEADROOM * SIDE), 1))


def _draft(picture: Image.Image, wanted: _Wanted) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 size if that leaves at least HEADROOM times the size needed."""
    if picture.format not in DRAFTED:
        return
    spare = wanted.spare(upright_size(picture.size, orientation_of(picture)))
    scale = next(scale for scale in (8, 4, 2, 1) if spare >= scale or scale == 1)
    if scale > 1:
        picture.draft(None, (picture.width // scale, picture.height // scale))


def _scaled(box: Box, across: float, down: float) -> Box:
    left, top, right, bottom = box
    return left * across, top * down, right * across, bottom * down
