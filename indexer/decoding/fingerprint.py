"""A picture's fingerprint: the whole of it as a tiny grey picture, by which possible copies are proposed.

The pixels themselves are kept and not bits of them, since mirror images and crops of it can be computed from them.
Grey is enough to propose: what the colours, frames and details are is compared in the files.
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

SIDE = 16
BYTES = SIDE * SIDE


class Fingerprint(NamedTuple):
    """Grey values of SIDE x SIDE pixels, a byte each.

    white: the first frame, over white. black: the same over black, empty where the picture is opaque. frames: of
    further frames or pages, one after another; empty where there are some that were not looked at yet; None where
    there are none.
    """

    white: bytes
    black: bytes = b""
    frames: bytes | None = None


def fingerprint_of(picture: Image.Image, several: bool = False) -> Fingerprint:
    """The fingerprint of an upright picture of any shape, in mode RGB or RGBA; several: whether it has more frames."""
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
    """Whether an opened file has more frames or pages than the one that is shown; false where that cannot be read."""
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # what is damaged behind the first frame does not make this one unusable
        return False
