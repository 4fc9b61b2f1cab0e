"""Search an index for the pictures most like given files or stored pictures."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import decode_bytes, read_file
from indexer.encoders.encoder import Encoder, PictureEncoder, load_encoder, read_model
from indexer.errors import EncoderError, IndexStateError, InputError, UnreadableImage
from indexer.index.index import Index
from indexer.paths import printable
from latentsearch.query import PIPED, Name, Options, Query, Results, Stopwatch
from latentsearch.search.ranking import Excluded, Finder

if TYPE_CHECKING:
    from indexer.encoders.framing import Framing
    from latentsearch.attributes.search import EditedSearch
    from latentsearch.notation import Part

logger = logging.getLogger(__name__)

Codes = NDArray[np.float32]
# The subfolder that holds the encoder, which has no network, in an index of codes that another program computed.
ENCODER_FOLDER = "encoder"
# The family of such an encoder in its model.json.
COMPUTED_ELSEWHERE = "computed elsewhere"
# Codes have unit length. If the difference of two means is shorter than this, it is rounding error, not a direction.
LEAST_LENGTH = 1e-4


def check(query: Query, options: Options) -> None:
    """Raise InputError for a query that cannot be answered, before anything is opened."""
    query.check()
    options.check()
    if options.drawn_anew and (query.ids or query.codes):
        raise InputError("of a stored picture there is only its code, which cannot be drawn anew: name its file")


def search_in(
    index: Index,
    encoder: Encoder,
    query: Query,
    options: Options,
    watch: Stopwatch | None = None,
    faceless: str = "",
) -> Results:
    """Search an index that is open, with its encoder; query and options were checked by `check`.

    encoder: may lack its network if no picture of the query has to be encoded. watch: a stopwatch with the time spent
    so far, such as on loading. faceless: as in Results. Raises InputError for an unknown id or label and for codes that
    cancel one another out, UnreadableImage for a picture that cannot be read, DamagedIndex if the files of the index
    contradict one another.
    """
    watch = watch or Stopwatch()
    with watch.stage("load"):
        edited = _edited(index, options)
    finder = Finder(index, encoder, options, watch, edited)
    with watch.stage("encode"):
        contents = read_contents(query.files, query.given)
        code = _code(query, contents, index, encoder, options)
    with watch.stage("search"):
        stored = index.images(query.ids)
        known = [*stored, *index.images(query.minus_ids)]
        itself = Excluded.of(query.files, contents, known, index) if options.exclude_self else Excluded()
        (hits,) = finder.hits(code[None], [itself])
    logger.debug("%s", ", ".join(f"{stage}: {spent:.1f} ms" for stage, spent in watch.spent.items()))
    return Results(
        (*map(str, query.images), *(record.path for record in stored), *_called("code", query.codes)),
        encoder.name,
        str(index.folder),
        watch.took(),
        hits,
        minus_names(query, index),
        finder.matching,
        options.diverse,
        tuple(map(str, options.changes)),
        faceless=faceless,
        sort=options.sort,
        cutoff=finder.cutoff,
    )


def minus_names(query: Query, index: Index) -> tuple[str, ...]:
    """Return the names of the pictures and codes that a query subtracts."""
    stored = (record.path for record in index.images(query.minus_ids))
    return (*map(str, query.minus), *stored, *_called("minus code", query.minus_codes))


def minus_codes(query: Query, index: Index, encoder: PictureEncoder, contents: Sequence[bytes] | None = None) -> Codes:
    """Return the codes that a query subtracts, float32 (m, d). contents: those of its `minus` files, if read before."""
    if contents is None:
        contents = read_contents(query.minus, query.given)
    encoded = encode_files(contents, query.minus, encoder)
    codes = _with_codes(encoded, query.minus_ids, query.minus_codes, index)
    return codes * np.array(query.minus_weights, np.float32)[:, None] if query.minus_weights else codes


def _called(name: str, codes: Sequence[Codes]) -> list[str]:
    return [f"{name} {number}" for number in range(1, len(codes) + 1)]


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


def encoder_of(index: Index, option: str | Path | None = None, *, network: bool = True) -> Encoder:
    """Load the encoder that an index was made with.

    option: the name or folder of a bundle that must be that encoder. network: False to skip loading the network, if
    nothing will be encoded. Raises EncoderError if the bundle is another encoder, and if the network is needed but the
    codes were computed elsewhere.
    """
    own = index.folder / ENCODER_FOLDER
    sources = [Path(index.encoder_source), own]
    found = next((folder for folder in sources if (folder / "model.json").is_file()), index.encoder_name)
    if network and option is None and _has_no_network(found):
        raise EncoderError(
            f"the codes of {index.encoder_name} in the index at {printable(index.folder)} were computed elsewhere: "
            "no encoder is known that could encode a picture; search for stored ones with --like PATH or --id N, or by "
            "a vector with --vector FILE.npy"
        )
    encoder = load_encoder(option or found, network=network)
    index.metadata.require(encoder, index.folder)
    return encoder


def _has_no_network(found: str | Path) -> bool:
    """Return whether a bundle describes codes that another program computed."""
    if not isinstance(found, Path) or (found / "encoder.onnx").is_file():
        return False
    return read_model(found).get("family") == COMPUTED_ELSEWHERE


def require_pictures(index: Index) -> None:
    """Raise IndexStateError if an index holds no pictures."""
    if index.count() == 0:
        raise IndexStateError(
            f"the index at {printable(index.folder)} is empty: add pictures with `latentsearch index DIR`"
        )


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


def encode_files(
    contents: Sequence[bytes], names: Sequence[Name], encoder: PictureEncoder, parts: Sequence[Part | None] = ()
) -> Codes:
    """Decode and encode file contents: float32 (n, d).

    parts: the part of each picture that counts, None for all of it; () if all are whole. Raises UnreadableImage, and
    InputError for a part beyond its picture, each with the name and the reason.
    """
    framing = encoder.framing
    if not contents:
        return np.empty((0, encoder.latent_size), np.float32)
    pixels = np.empty((len(contents), framing.height, framing.width, 3), np.uint8)
    for row, (content, name) in enumerate(zip(contents, names, strict=True)):
        part = parts[row] if parts else None
        try:
            pixels[row] = decode_bytes(content, framing).pixels if part is None else _part(content, framing, part)
        except (InputError, UnreadableImage) as error:
            called = "standard input" if name == PIPED else printable(name)
            raise type(error)(f"{called}: {error}") from error
    return encoder.encode(pixels)


def _part(content: bytes, framing: Framing, part: Part) -> NDArray[np.uint8]:
    from latentsearch.search.parts import decode_part

    return decode_part(content, framing, part)


def combined(plus: Codes, minus: Codes, distance: str, weights: Sequence[float] = ()) -> Codes:
    """Combine codes to one query code (d,): mean(plus) - mean(minus), scaled to unit length for "cosine".

    plus: (p, d) with p > 0. minus: (m, d). weights: of the codes in the mean of plus; () if all are equal. Raises
    InputError if the difference is zero up to rounding and distance is "cosine".
    """
    if len(plus) == 1 and not len(minus):
        return np.array(plus[0])
    code = np.average(plus.astype(np.float64), axis=0, weights=weights or None)
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
    plus = encode_files(contents[:count], query.images, _picture_encoder(encoder, options), query.parts)
    minus = minus_codes(query, index, encoder, contents[count:])
    return combined(_with_codes(plus, query.ids, query.codes, index), minus, index.distance, query.weights)


def _with_codes(encoded: Codes, ids: Sequence[int], codes: Sequence[Codes], index: Index) -> Codes:
    """Append the codes of stored images and given codes to (n, d) codes. Raises InputError for an unusable code."""
    if ids:
        encoded = np.concatenate([encoded, index.codes(ids)])
    for code in codes:
        length = float(np.linalg.norm(code))
        if code.shape != (index.latent_size,) or not np.isfinite(length):
            raise InputError(f"a code of this index is {index.latent_size} finite numbers, not {code.shape}")
        if index.distance == "cosine":
            if length < LEAST_LENGTH:
                raise InputError("a code of zeros has no direction, and nothing can be compared with it")
            code = code / length
        encoded = np.concatenate([encoded, code[None]])
    return encoded
