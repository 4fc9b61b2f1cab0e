"""Redraw a query with labels set, for `query --set … --set-by BUNDLE`, and encode the result.

The bundle's encoders predict the code z and the labels y of the picture (IcGAN, section 4.1). y is changed, the
generator draws a picture from z and y, and the index's encoder encodes it. No label of a gallery image is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.encoders.attributes import HOLDS, AttributeEncoder, load_attribute_encoder
from indexer.encoders.encoder import Encoder, PictureEncoder, load_encoder
from indexer.encoders.framing import Framing
from indexer.encoders.generator import Generator, load_generator, load_inverse
from indexer.errors import EncoderError, InputError
from indexer.paths import printable
from latentsearch.notation import Change
from latentsearch.query import Options

Pixels = NDArray[np.uint8]
# A label is set to 0.5 ± reach / 2, one reach after another: to 1 or 0, then 1.5 or -0.5, then 2 or -1.
REACHES = (1, 2, 3)


class Redrawing:
    """Redraws pictures with labels set, beyond 1 or 0 if the bundle's attribute encoder does not predict them as set.

    framing: the framing of the input pictures. Raises EncoderError if the bundle lacks an encoder, an attribute
    encoder or a generator with labels, or was exported without the generator's own codes; InputError for a label that
    the bundle was not trained with.
    """

    def __init__(self, bundle: str, changes: Sequence[Change]) -> None:
        self._attributes: AttributeEncoder = load_attribute_encoder(bundle)
        self._generator: Generator = load_generator(bundle)
        self._encode, latent_size = _own_codes(bundle)
        _require_labels(self._generator, latent_size)
        self.framing = self._attributes.framing
        self._columns = [self._column(change) for change in changes]
        self._positions = np.array(self._columns, np.int64) + latent_size
        self._values = np.array([change.value for change in changes], np.float32)

    def redraw(self, pixels: Pixels) -> Pixels:
        """Redraw framed pictures, uint8 (n, h, w, 3), with the labels set; returns the same shape."""
        codes = np.concatenate([self._encode(pixels), self._attributes.values(pixels)], axis=1)
        drawn = np.empty((len(pixels), self.framing.height, self.framing.width, 3), np.uint8)
        unseen = np.arange(len(pixels))
        for reach in REACHES:
            codes[np.ix_(unseen, self._positions)] = 0.5 + reach * (self._values - 0.5)
            drawn[unseen] = self._generator.generate(codes[unseen])
            seen = self._attributes.values(drawn[unseen])[:, self._columns] >= HOLDS
            unseen = unseen[(seen != self._values.astype(bool)).any(axis=1)]
            if not len(unseen):
                break
        return drawn

    def _column(self, change: Change) -> int:
        known = self._attributes.labels
        if change.label not in known:
            raise InputError(
                f"{self._attributes.name} cannot set {printable(change.label)}: it learned with {', '.join(known)}"
            )
        return known.index(change.label)


def editing_encoder(encoder: Encoder, options: Options) -> PictureEncoder:
    """Return the encoder for queried pictures: the index's own, or one that redraws them first if `set_by` asks."""
    if not options.drawn_anew:
        return encoder
    return RedrawingEncoder(Redrawing(options.set_by, options.changes), encoder)


class RedrawingEncoder:
    """Redraws pictures with labels set, then encodes them with the index's encoder."""

    def __init__(self, redrawing: Redrawing, encoder: Encoder) -> None:
        self._redrawing, self._encoder = redrawing, encoder
        self.framing, self.latent_size = redrawing.framing, encoder.latent_size

    def encode(self, images: Pixels) -> NDArray[np.float32]:
        """Encode pictures uint8 (n, h, w, 3) in this object's framing: float32 (n, latent_size)."""
        return self._encoder.encode(scaled(self._redrawing.redraw(images), self._encoder.framing))


def scaled(pictures: Pixels, framing: Framing) -> Pixels:
    """Resize pictures uint8 (n, h, w, 3) to the size of a framing, without cropping."""
    size = (framing.width, framing.height)
    if pictures.shape[1:3] == size[::-1]:
        return pictures
    return np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR)) for one in pictures])


def _own_codes(bundle: str) -> tuple[Callable[[Pixels], NDArray[np.float32]], int]:
    """Return what computes the codes that a bundle's generator redraws, and their length.

    They are those for Euclidean distance; codes for cosine distance are whitened, and z is a second output.
    """
    encoder = load_encoder(bundle)
    if encoder.distance == "euclidean":
        return encoder.encode, encoder.latent_size
    inverse = load_inverse(bundle)
    return inverse.invert, inverse.latent_size


def _require_labels(generator: Generator, latent_size: int) -> None:
    if not generator.labels or latent_size + len(generator.labels) != generator.latent_size:
        raise EncoderError(
            f"the generator of {generator.name} takes no labels: name a bundle of `latentsearch train icgan`"
        )
