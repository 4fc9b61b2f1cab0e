"""Encode pictures to an array, predict their labels, and list the encoders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError, TransferError, UnreadableImage
from indexer.paths import printable
from latentsearch.interface.queries import Picture, is_code, several, source_of
from latentsearch.query import Address, InMemory, Name, Unreadable

if TYPE_CHECKING:
    from indexer.encoders.encoder import PictureEncoder
    from indexer.encoders.framing import Framing
    from latentsearch.attributes.predict import Prediction

# Pictures decoded per call of the encoder; each call starts new decoding processes.
AT_ONCE = 4096
# Stands for the bytes of a picture that cannot be had; like any empty file, they cannot be decoded.
NOTHING = b""
FACTS = ("name", "family", "latent_size", "distance", "precision", "trained", "scores", "fidelity", "files")


def encode(
    pictures: Picture | Iterable[Picture],
    encoder: str | Path | None = None,
    *,
    errors: Literal["raise", "nan"] = "raise",
) -> NDArray[np.float32]:
    """Encode pictures without an index: float32 (n, d), one row per picture, in their order.

    pictures: one or several paths, addresses, arrays uint8 (h, w, 3), PIL images or bytes of picture files.
    encoder: a name that `encoders` lists, or the folder of a bundle; None for the default one, "parts".
    errors: "nan" gives a row of NaN for a picture that cannot be read and an address that cannot be fetched.

    Raises UnreadableImage with the name of the first unreadable picture and the reason, TransferError for a failed
    download, InputError for anything that is not a picture, EncoderError for an encoder that is missing or damaged,
    MissingExtra without ONNX Runtime.

    >>> ls.encode([folder / "dawn.png", picture]).shape
    (2, 128)
    """
    from indexer.encoders.encoder import load_encoder

    return encoded(pictures, load_encoder(encoder), errors)


def predict_labels(
    pictures: str | Path | Iterable[str | Path], encoder: str | Path | None = None
) -> list[Prediction | Unreadable]:
    """Predict the labels of picture files with an encoder that was trained with labels; one result per file, in order.

    encoder: a bundle of the family icgan or attributes, by name or folder; None for "attributes", which is included and
    knows 18 attributes of faces. A result has the path, values (a number per label, from about 0 for absent to about 1
    for present), `holds(label)` (whether the value is at least 0.5) and the encoder's name. A file that cannot be
    decoded gives an Unreadable with query (its path) and reason.

    Raises InputError if no file is given or one does not exist, UnreadableImage if none can be decoded, EncoderError
    for an encoder that is missing, damaged or trained without labels, MissingExtra without ONNX Runtime.

    >>> [prediction] = ls.predict_labels(folder / "dawn.png")
    >>> len(prediction.values), prediction.encoder
    (18, 'attributes')
    """
    from indexer.encoders.attributes import load_attribute_encoder
    from latentsearch.attributes.predict import predict

    paths = [pictures] if isinstance(pictures, str | Path) else pictures
    return predict([Path(path) for path in paths], load_attribute_encoder(encoder))


def encoders() -> list[dict[str, Any]]:
    """List the encoders that can be used by name, the included ones first: one dictionary per encoder.

    Keys: name, family, latent_size (numbers in a code), distance ("cosine" or "euclidean"), precision, trained, scores,
    fidelity, files, bytes (size on disk), generator (whether it can draw pictures), and path. A damaged bundle is
    logged and left out.

    >>> "parts" in [encoder["name"] for encoder in ls.encoders()]
    True
    """
    from indexer.encoders.encoder import available_encoders

    return [_described(folder, model) for folder, model in available_encoders()]


def encoded(
    pictures: Picture | Iterable[Picture], encoder: PictureEncoder, errors: Literal["raise", "nan"] = "raise"
) -> NDArray[np.float32]:
    """Encode pictures with a loaded encoder; everything else is as in `encode`."""
    if errors not in ("raise", "nan"):
        raise InputError(f'errors is {errors!r}: it must be "raise" or "nan"')
    if is_code(pictures):
        raise InputError("an array of numbers with a fraction is no picture: give uint8 (h, w, 3), RGB")
    numbered = enumerate(several(pictures), start=1)
    blocks = [np.empty((0, encoder.latent_size), np.float32)]
    while chunk := [_source(picture, f"picture {number}", errors) for number, picture in islice(numbered, AT_ONCE)]:
        blocks.append(_codes(chunk, encoder, errors))
    return np.concatenate(blocks)


def _source(picture: Picture, called: str, errors: Literal["raise", "nan"]) -> tuple[Name, bytes | None]:
    """Return a picture's name and bytes as `source_of`; with "nan", NOTHING for a picture that cannot be had."""
    try:
        return source_of(picture, called)
    except (InputError, TransferError) as error:
        is_address = isinstance(picture, str) and Address.is_one(picture)
        if errors == "raise" or not (is_address or isinstance(error, UnreadableImage)):
            raise
        return InMemory(called), NOTHING


def _codes(
    sources: Sequence[tuple[Name, bytes | None]], encoder: PictureEncoder, errors: Literal["raise", "nan"]
) -> NDArray[np.float32]:
    """Encode pictures, given by name and bytes, to float32 (n, d)."""
    framing = encoder.framing
    pixels = np.zeros((len(sources), framing.height, framing.width, 3), np.uint8)
    is_read = np.ones(len(sources), bool)
    for row, decoded in enumerate(_decoded(sources, framing)):
        if isinstance(decoded, str):
            if errors == "raise":
                raise UnreadableImage(f"{printable(sources[row][0])}: {decoded}")
            is_read[row] = False
        else:
            pixels[row] = decoded
    codes = np.full((len(sources), encoder.latent_size), np.nan, np.float32)
    codes[is_read] = encoder.encode(pixels[is_read])
    return codes


def _decoded(sources: Sequence[tuple[Name, bytes | None]], framing: Framing) -> Iterator[NDArray[np.uint8] | str]:
    """Yield each picture's pixels, uint8 (h, w, 3), or why it cannot be used; files are decoded in parallel."""
    from indexer.decoding.decode import decode_bytes
    from latentsearch.pictures import decoded_files

    paths = [str(name) for name, content in sources if content is None]
    files = decoded_files(paths, framing) if paths else iter(())
    for _, content in sources:
        if content is None:
            yield next(files)
            continue
        try:
            yield decode_bytes(content, framing).pixels
        except UnreadableImage as error:
            yield str(error)


def _described(folder: Path, model: dict[str, Any]) -> dict[str, Any]:
    size = sum(file["bytes"] for file in model["files"].values())
    facts = {key: model.get(key) for key in FACTS}
    return {**facts, "bytes": size, "generator": "generator" in model, "path": str(folder)}
