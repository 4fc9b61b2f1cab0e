"""Redraw a query with labels set, for `query --set … --set-by BUNDLE`, and encode the result.

The bundle's encoders predict the code z and the labels y of the picture (IcGAN, section 4.1). y is changed, the
generator draws a picture from z and y, and the index's encoder encodes it. No label of a gallery image is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.encoders.attributes import HOLDS, AttributeEncoder, load_attribute_encoder
from indexer.encoders.encoder import Encoder, PictureEncoder, load_encoder
from indexer.encoders.framing import Framing
from indexer.encoders.generator import Generator, load_generator
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
    encoder or a generator, or if the generator does not take the encoder's codes; InputError for a label that the
    bundle was not trained with.
    """

    def __init__(self, bundle: str, changes: Sequence[Change]) -> None:
        self._attributes: AttributeEncoder = load_attribute_encoder(bundle)
        self._encoder: Encoder = load_encoder(bundle)
        self._generator: Generator = load_generator(bundle)
        _require_whole(self._encoder, self._generator)
        self.framing = self._encoder.framing
        self._columns = [self._column(change) for change in changes]
        self._positions = np.array(self._columns, np.int64) + self._encoder.latent_size
        self._values = np.array([change.value for change in changes], np.float32)

    def redraw(self, pixels: Pixels) -> Pixels:
        """Redraw framed pictures, uint8 (n, h, w, 3), with the labels set; returns the same shape."""
        codes = np.concatenate([self._encoder.encode(pixels), self._attributes.values(pixels)], axis=1)
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


def _require_whole(encoder: Encoder, generator: Generator) -> None:
    if not generator.labels or encoder.latent_size + len(generator.labels) != generator.latent_size:
        raise EncoderError(
            f"the generator of {encoder.name} takes no labels: name a bundle of `latentsearch train icgan`"
        )
    if encoder.distance != "euclidean":
        raise EncoderError(
            f"encoder {encoder.name} whitens its codes, so its generator cannot use them: export its run again with "
            "`latentsearch export RUN -o BUNDLE --distance euclidean`"
        )
