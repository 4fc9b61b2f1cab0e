"""A picture file's bytes -> a Pillow picture whose header was read, and what goes wrong with it in a sentence."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile, UnidentifiedImageError

from indexer.errors import UnreadableImage
from indexer.files.container import clean_aperture
from indexer.files.incomplete import CUT_OFF
from indexer.files.needs import needed_bytes
from indexer.files.png import with_transparent_colour, without_ballast
from indexer.files.silence import silence
from indexer.files.srgb import SHOWN
from indexer.files.tiff import mend_planes
from indexer.formats import AVIF, PNG, TIFF, Format, identify, load_plugin
from indexer.memory import Reserve, refuse_above_cap

# Where a picture's `info` says which width and height it is shown with before it is turned, whatever the draft.
STORED_SIZE = "latentsearch_stored_size"


def _unprepared(picture: Image.Image) -> None:
    """Leave a picture as it was opened."""


@contextmanager
def opened(
    data: bytes, reserve: Reserve = refuse_above_cap, prepare: Callable[[Image.Image], None] = _unprepared
) -> Iterator[Image.Image]:
    """Open a picture file: its size, mode, frames and metadata are there, its pixels not yet decoded.

    prepare: what to ask of the decoder before, such as a draft. reserve: called once, with the bytes that decoding is
    going to need. Raises UnreadableImage with the reason alone, and nothing else, whatever the bytes are and whatever
    is done with the picture; prints nothing. May run in several threads.
    """
    try:
        with silence:
            kind = identify(data)
            load_plugin(kind)
            with _open(data, kind) as picture:
                prepare(picture)
                reserve(needed_bytes(picture, kind, len(data)))
                yield _with_exact_key(picture, data)
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("not enough memory to decode it", may_pass=True) from error
    except Exception as error:  # Pillow raises nearly anything for bytes that somebody made up
        raise UnreadableImage(f"not decodable as {identify(data).name}: {_describe(error)}") from error


@contextmanager
def _open(data: bytes, kind: Format) -> Iterator[ImageFile.ImageFile]:
    profile = None
    if kind is PNG:
        data, profile = without_ballast(data)
    with Image.open(io.BytesIO(data), formats=[kind.pillow]) as picture:
        if picture.width < 1 or picture.height < 1:
            raise UnreadableImage(f"the picture has no pixels ({picture.width}x{picture.height})")
        if profile:
            picture.info["icc_profile"] = profile
        picture.info[STORED_SIZE] = picture.size
        if kind is AVIF and (shown := clean_aperture(data, *picture.size)):
            picture.info[SHOWN] = shown
            picture.info[STORED_SIZE] = (shown[2] - shown[0], shown[3] - shown[1])
        if kind is TIFF:
            mend_planes(picture)
        yield picture


def _with_exact_key(picture: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """The same picture, or its pixels where it has a transparent colour of three times 16 bits."""
    key = picture.info.get("transparency")
    if picture.format != "PNG" or picture.mode != "RGB" or not key or picture.tile[0].args != "RGB;16B":
        return picture
    with _open(data, PNG) as again:
        return with_transparent_colour(picture, again)


def _describe(error: Exception) -> str:
    message = " ".join(str(error).split())[:200]
    if isinstance(error, UnidentifiedImageError) or "decoder object" in message:
        return CUT_OFF
    return message or type(error).__name__
