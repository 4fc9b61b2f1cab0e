"""Fingerprints: tiny greyscale versions of whole pictures, compared to propose possible copies.

A fingerprint stores pixels rather than a hash, so that mirror images and crops can be computed from it. Grey suffices
to propose candidates; colours, frames and details are then compared in the files themselves.
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

SIDE = 16
BYTES = SIDE * SIDE


class Fingerprint(NamedTuple):
    """Grey values of SIDE x SIDE pixels, one byte each.

    white: the first frame over white. black: the same over black; empty if the picture is opaque. frames: the
    fingerprints of further frames or pages, concatenated; empty if they exist but have not been read, None for a single
    frame.
    """

    white: bytes
    black: bytes = b""
    frames: bytes | None = None


def fingerprint_of(picture: Image.Image, several: bool = False) -> Fingerprint:
    """Compute the fingerprint of an upright RGB or RGBA picture; `several`: whether its file has more frames."""
    small = picture.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    frames = b"" if several else None
    if picture.mode == "RGB":
        return Fingerprint(small.convert("L").tobytes(), b"", frames)
    white = _over(small, "white")
    black = _over(small, "black")
    return Fingerprint(white, b"" if black == white else black, frames)


def _over(picture: Image.Image, background: str) -> bytes:
    under = Image.new("RGBA", picture.size, background)
    return Image.alpha_composite(under, picture).convert("L").tobytes()


def has_several_frames(picture: Image.Image) -> bool:
    """Return whether an opened file has several frames or pages; False if that cannot be determined."""
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # damage behind the first frame does not make that frame unusable
        return False
