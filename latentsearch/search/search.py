"""Search an index for the pictures most like given files or stored pictures."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import decode_bytes, read_file
from indexer.encoders.encoder import Encoder, PictureEncoder, load_encoder
from indexer.errors import IndexStateError, InputError, UnreadableImage
from indexer.index.index import Index
from indexer.paths import printable
from latentsearch.query import PIPED, Name, Options, Query, Results, Stopwatch
from latentsearch.search.ranking import Excluded, Finder

if TYPE_CHECKING:
    from latentsearch.attributes.search import EditedSearch

logger = logging.getLogger(__name__)

Codes = NDArray[np.float32]
# Codes have unit length. If the difference of two means is shorter than this, it is rounding error, not a direction.
LEAST_LENGTH = 1e-4


def search(
    query: Query,
    options: Options,
    *,
    index: str | None = None,
    encoder: str | None = None,
) -> Results:
    """Find the pictures of an index that are most like the query.

    index: its folder, None for the default index. encoder: a name or folder that must be the index's encoder, or None.
    Raises InputError (an unknown picture, id or label; a number out of range), UnreadableImage, IndexStateError (no
    index, or an empty one) and EncoderError (another encoder than the index's).
    """
    query.check()
    options.check()
    if options.drawn_anew and query.ids:
        raise InputError("of a stored picture there is only its code, which cannot be drawn anew: name its file")
    watch = Stopwatch()
    with watch.stage("load"):
        opened = open_filled(index)
    with opened:
        with watch.stage("load"):
            model = encoder_of(opened, encoder, network=bool(query.files))
            edited = _edited(opened, options)
        finder = Finder(opened, model, options, watch, edited)
        with watch.stage("encode"):
            contents = read_contents(query.files, query.given)
            code = _code(query, contents, opened, model, options)
        with watch.stage("search"):
            stored = opened.images(query.ids)
            itself = Excluded.of(query.files, contents, stored, opened) if options.exclude_self else Excluded()
            (hits,) = finder.hits(code[None], [itself])
    logger.debug("%s", ", ".join(f"{stage}: {spent:.1f} ms" for stage, spent in watch.spent.items()))
    return Results(
        (*map(str, query.images), *(record.path for record in stored)),
        model.name,
        str(opened.folder),
        watch.took(),
        hits,
        tuple(map(str, query.minus)),
        finder.matching,
        options.diverse,
        tuple(map(str, options.changes)),
    )


def _edited(index: Index, options: Options) -> EditedSearch | None:
    """Return the search with labels set in code space; None if no label is set, or a generator sets them."""
    if options.drawn_anew or not options.changes:
        return None
    from latentsearch.attributes.learned import load_or_learn

    return load_or_learn(options.changes, index)


def _picture_encoder(encoder: Encoder, options: Options) -> PictureEncoder:
    """Return the encoder for the queried pictures; with --set-by, it encodes what a generator redraws."""
    if not options.drawn_anew:
        return encoder
    from latentsearch.attributes.redraw import editing_encoder

    return editing_encoder(encoder, options)


def encoder_of(index: Index, option: str | None = None, *, network: bool = True) -> Encoder:
    """Load the encoder that an index was made with.

    option: the name or folder of a bundle that must be that encoder. network: False to skip loading the network, if
    nothing will be encoded. Raises EncoderError if the bundle is another encoder.
    """
    source = Path(index.encoder_source)
    found = source if (source / "model.json").is_file() else index.encoder_name
    encoder = load_encoder(option or found, network=network)
    index.metadata.require(encoder, index.folder)
    return encoder


def open_filled(option: str | None) -> Index:
    """Open an index and log a problem that only slows it down. Raises IndexStateError if it holds no pictures."""
    index = Index.open(Index.locate(option))
    if index.count() == 0:
        index.close()
        raise IndexStateError(
            f"the index at {printable(index.folder)} is empty: add pictures with `latentsearch index DIR`"
        )
    if index.problem:
        logger.warning("%s", index.problem)
    kind = index.base.kind if index.base else "none, a search compares every code"
    logger.debug("%d pictures of encoder %s; search index: %s", index.count(), index.encoder_name, kind)
    return index


def read_contents(files: Sequence[Name], given: Mapping[str, bytes] | None = None) -> list[bytes]:
    """Read picture files. given: the bytes of pictures that are not files, by name.

    Raises UnreadableImage with the name and the reason.
    """
    contents = []
    for path in files:
        try:
            contents.append(given[str(path)] if given and str(path) in given else read_file(path))
        except UnreadableImage as error:
            raise UnreadableImage(f"{printable(path)}: {error}") from error
    return contents


def encode_files(contents: Sequence[bytes], names: Sequence[Name], encoder: PictureEncoder) -> Codes:
    """Decode and encode file contents: float32 (n, d). Raises UnreadableImage with the name and the reason."""
    framing = encoder.framing
    if not contents:
        return np.empty((0, encoder.latent_size), np.float32)
    pixels = np.empty((len(contents), framing.height, framing.width, 3), np.uint8)
    for place, (content, name) in enumerate(zip(contents, names, strict=True)):
        try:
            pixels[place] = decode_bytes(content, framing).pixels
        except UnreadableImage as error:
            called = "standard input" if name == PIPED else printable(name)
            raise UnreadableImage(f"{called}: {error}") from error
    return encoder.encode(pixels)


def combined(plus: Codes, minus: Codes, distance: str) -> Codes:
    """Combine codes to one query code (d,): mean(plus) - mean(minus), scaled to unit length for "cosine".

    plus: (p, d) with p > 0. minus: (m, d). Raises InputError if the difference is zero but for rounding.
    """
    if len(plus) == 1 and not len(minus):
        return np.array(plus[0])
    code = plus.mean(axis=0, dtype=np.float64)
    if len(minus):
        code -= minus.mean(axis=0, dtype=np.float64)
    if distance == "cosine":
        length = float(np.linalg.norm(code))
        if length < LEAST_LENGTH:
            raise InputError("these pictures cancel one another out, so there is no code to search for")
        code /= length
    return np.asarray(code, np.float32)


def _code(query: Query, contents: Sequence[bytes], index: Index, encoder: Encoder, options: Options) -> Codes:
    count = len(query.images)
    plus = encode_files(contents[:count], query.images, _picture_encoder(encoder, options))
    minus = encode_files(contents[count:], query.minus, encoder)
    if query.ids:
        plus = np.concatenate([plus, index.codes(query.ids)])
    return combined(plus, minus, index.distance)
