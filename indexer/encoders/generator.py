"""The generator of a bundle, from codes to images, and its inverse, from images to the generator's own codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import BATCH_SIZE, REPAIR, find_bundle, open_session, read_model, require_size
from indexer.encoders.framing import Framing
from indexer.errors import EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# Of the bundled generators, the one whose random faces look most realistic.
DEFAULT_GENERATOR = "aegan"
# The generator's own codes are the second output of encoder.onnx, or, if published codes come from another network,
# the only output of inverse.onnx.
OWN_CODES, INVERSE, ENCODER = "z", "inverse.onnx", "encoder.onnx"


class Generator:
    """A loaded bundle's generator.

    prior: distribution of its codes: "uniform" for U(-1, 1), "gaussian" for N(0, 1), "none" for a plain autoencoder.
    labels: names of the labels whose values, 1 or 0, form the end of each code; () for an unconditional generator.
    """

    def __init__(self, model: dict[str, Any], session: InferenceSession) -> None:
        self.name: str = model["name"]
        self.latent_size: int = model["generator"]["latent_size"]
        self.prior: str = model["generator"]["prior"]
        labels = model["generator"].get("labels", {})
        self.labels: tuple[str, ...] = tuple(labels.get("names", ()))
        self._label_vectors = [[int(digit) for digit in vector] for vector in labels.get("drawn", ())]
        self._session = session

    def draw(self, count: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
        """Generate `count` pictures from random codes, yielding uint8 (h, w, 3); deterministic for a seed and count.

        Raises EncoderError if the generator has no prior.
        """
        random = np.random.default_rng(seed)
        if self.prior == "none":
            raise EncoderError(f"{self.name} has no prior to draw codes from: its generator only decodes")
        for start in range(0, count, BATCH_SIZE):
            yield from self.generate(self.draw_codes(random, min(BATCH_SIZE, count - start)))

    def draw_codes(self, random: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Draw codes from the prior: float32 (count, latent_size), labels at the end."""
        if self.prior == "gaussian":
            codes = random.standard_normal((count, self.latent_size)).astype(np.float32)
        else:
            codes = random.uniform(-1, 1, (count, self.latent_size)).astype(np.float32)
        if self.labels:
            # Sample whole label vectors of real pictures, because labels are correlated (beards and men, for example).
            codes[:, -len(self.labels) :] = random.choice(self._label_vectors, count)
        return codes

    def generate(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Generate pictures from codes: float32 (n, latent_size) to uint8 (n, h, w, 3)."""
        batches = [codes[start : start + BATCH_SIZE] for start in range(0, max(len(codes), 1), BATCH_SIZE)]
        return np.concatenate([self._session.run(["images"], {"codes": batch})[0] for batch in batches])


def load_generator(name_or_path: str | Path | None = None, threads: int = 0) -> Generator:
    """Load a generator; None loads DEFAULT_GENERATOR. threads: per batch, 0 for all cores. Errors: as load_encoder."""
    folder = find_bundle(name_or_path, DEFAULT_GENERATOR)
    model = read_model(folder)
    if "generator.onnx" not in model["files"] or "generator" not in model:
        raise EncoderError(f"encoder {model['name']} at {folder} has no generator")
    session = open_session(folder, model, "generator.onnx", threads)
    require_size(folder / "generator.onnx", session.get_inputs()[0].shape[-1], model["generator"]["latent_size"])
    return Generator(model, session)


class Inverse:
    """Computes the codes from which a bundle's generator redraws pictures: G(E(x)).

    latent_size: the length of these codes, without the labels of a conditional generator.
    """

    def __init__(self, model: dict[str, Any], session: InferenceSession, output: str) -> None:
        self.name: str = model["name"]
        self.framing = Framing.from_json(model["framing"])
        self.latent_size: int = next(one.shape[-1] for one in session.get_outputs() if one.name == output)
        self._session, self._output = session, output

    def invert(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the codes of framed pictures: uint8 (n, h, w, 3) to float32 (n, latent_size)."""
        batches = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
        found = [self._session.run([self._output], {"images": np.ascontiguousarray(batch)})[0] for batch in batches]
        return np.concatenate([np.empty((0, self.latent_size), np.float32), *found])


def load_inverse(name_or_path: str | Path | None = None, threads: int = 0) -> Inverse:
    """Load the inverse of a bundle's generator; None loads DEFAULT_GENERATOR's. threads: per batch, 0 for all cores.

    Raises EncoderError if the bundle has no generator, or was exported without the generator's own codes.
    """
    folder = find_bundle(name_or_path, DEFAULT_GENERATOR)
    model = read_model(folder)
    file = INVERSE if INVERSE in model["files"] else ENCODER
    session = open_session(folder, model, file, threads)
    # Codes by parts are redrawn as they are.
    output = "codes" if model.get("family") == "parts" else OWN_CODES
    if "generator" not in model or output not in [one.name for one in session.get_outputs()]:
        raise EncoderError(f"encoder {model['name']} at {folder} has no codes that a generator redraws: {REPAIR}")
    return Inverse(model, session, output)
