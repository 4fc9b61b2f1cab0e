"""A picture file's bytes -> a Pillow picture whose header was read, and what goes wrong with it in a sentence."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from indexer.errors import UnreadableImage
from indexer.files.needs import needed_bytes
from indexer.files.silence import silence
from indexer.formats import identify, load_plugin
from indexer.memory import Reserve, refuse_above_cap

# Where a picture's `info` says which width and height its file has, before any draft.
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
            with Image.open(io.BytesIO(data), formats=[kind.pillow]) as picture:
                if picture.width < 1 or picture.height < 1:
                    raise UnreadableImage(f"the picture has no pixels ({picture.width}x{picture.height})")
                picture.info[STORED_SIZE] = picture.size
                prepare(picture)
                reserve(needed_bytes(picture, kind, len(data)))
                yield picture
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("not enough memory to decode it", may_pass=True) from error
    except Exception as error:  # Pillow raises nearly anything for bytes that somebody made up
        raise UnreadableImage(f"not decodable as {identify(data).name}: {_describe(error)}") from error


def _describe(error: Exception) -> str:
    message = " ".join(str(error).split())[:200]
    if isinstance(error, UnidentifiedImageError) or "decoder object" in message:
        return "it is damaged or cut off"
    return message or type(error).__name__
