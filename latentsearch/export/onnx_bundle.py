"""Export a network from an ONNX file as an encoder bundle, fitted on a folder of pictures."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import BATCH_SIZE
from indexer.errors import InputError
from indexer.system.limits import cores
from latentsearch.export.bundle_folder import FIT_IMAGES, LICENCE, describe_bundle, likeness, new_bundle
from latentsearch.export.model_card import FOREIGN_FAMILY, write_model
from latentsearch.export.onnx_file import InputForm
from latentsearch.export.onnx_network import OnnxNetwork, Reduction
from latentsearch.export.precision import FOREIGN, compress
from latentsearch.models.whitening import whitening
from latentsearch.parts.graph import open_graph, run_graph
from latentsearch.training.datasets.images import Images, load_images

logger = logging.getLogger(__name__)

ENCODER = "encoder.onnx"
CHECK_IMAGES = 256
CHECK_GALLERY = 5_000
# The distances between fewer pictures say nothing about similarity.
FEWEST_PICTURES = 16
TERMS = "as the source of the network states"

Codes = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """A network and how to use it.

    path: the ONNX file. form: its input. output: the name of the value to take codes from, None for its only output.
    latent_size: the most numbers in a code for cosine distance. trained_on: what it learned from, in words. terms: the
    terms of use. licence: a file to copy into the bundle.
    """

    path: Path
    form: InputForm
    output: str | None = None
    latent_size: int = 128
    trained_on: str | None = None
    terms: str | None = None
    licence: Path | None = None


def export_onnx(
    source: Source, pictures: Path, folder: Path, *, name: str, precision: str = "fp16", distance: str = "cosine"
) -> dict[str, Any]:
    """Write the bundle of a network and return its model.json.

    pictures: a folder, on which the reduction, int8 and the distances of random pairs are fitted. distance: "cosine"
    for codes that are centred, reduced by PCA and scaled to length 1, "euclidean" for the network's own output. Raises
    InputError for a file that is no encoder, for too few pictures, and if the bundle's folder is not empty.
    """
    network = OnnxNetwork(source.path, source.form, source.output)
    with new_bundle(folder) as staging, tempfile.TemporaryDirectory() as scratch:
        images = load_images(pictures, Path(scratch), network.framing).first(FIT_IMAGES)
        if len(images) < FEWEST_PICTURES:
            raise InputError(f"{pictures} has {len(images)} pictures that can be used, not {FEWEST_PICTURES} or more")
        logger.info("encoding %d pictures", len(images))
        exact, stored, codes = _graphs(network, images, Path(scratch), precision, distance, source.latent_size)
        (staging / ENCODER).write_bytes(stored)
        if source.licence is not None:
            _copy_licence(source.licence, staging)
        model = describe_bundle(
            staging,
            codes,
            name=name,
            family=FOREIGN_FAMILY,
            framing=network.framing,
            distance=distance,
            precision=precision,
            trained=_facts(source, network, len(images)),
        )
        logger.info("checking them against full precision on %d images", CHECK_IMAGES)
        model["fidelity"] = _check(exact, stored, images, codes)
        write_model(staging, model)
    return model


def _graphs(
    network: OnnxNetwork, images: Images, scratch: Path, precision: str, distance: str, size: int
) -> tuple[bytes, bytes, Codes]:
    """Return the models from pictures to codes in full and in the stored precision, and the latter's codes."""
    exact = network.features_graph()
    path = scratch / "network.onnx"
    path.write_bytes(exact)
    compress(path, precision, images.pixels[images.held_out :], FOREIGN)
    stored = path.read_bytes()
    features = _encoded(stored, images)
    if not np.isfinite(features).all():
        raise InputError(f"{network.path} gives numbers that are not finite for some pictures")
    if np.ptp(features, axis=0).max() <= 1e-6 * max(float(np.abs(features).max()), 1e-6):
        raise InputError(f"{network.path} gives all pictures the same code: is mean or scale wrong?")
    reduction: Reduction | None = None
    if distance == "cosine":
        reduction = whitening(features, min(size, features.shape[1]), power=0)
    exact, stored = network.codes_graph(exact, reduction), network.codes_graph(stored, reduction)
    return exact, stored, _encoded(stored, images)


def _encoded(model: bytes, images: Images) -> Codes:
    """Run a model with one output on all training images: float32 (n, d)."""
    session = open_graph(model, cores())
    blocks = (run_graph(session, block) for block in images.blocks(BATCH_SIZE))
    return np.concatenate([next(iter(found.values())) for found in blocks])


def _check(exact: bytes, stored: bytes, images: Images, gallery: Codes) -> dict[str, float]:
    """Compare the stored graph with full precision; the first pictures are the queries, as far as there are any."""
    some = images.first(CHECK_GALLERY)
    expected = _encoded(exact, some)
    return likeness((expected[:CHECK_IMAGES], gallery[:CHECK_IMAGES]), (expected, gallery[: len(expected)]))


def _copy_licence(file: Path, staging: Path) -> None:
    try:
        shutil.copyfile(file, staging / LICENCE)
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): name the licence's file") from error


def _facts(source: Source, network: OnnxNetwork, pictures: int) -> dict[str, Any]:
    return {
        "data": source.trained_on or "unknown",
        "source": source.path.name,
        "sha256": network.sha256,
        "output": network.output,
        "features": network.features,
        "pooled": network.is_map,
        "mean": list(source.form.mean),
        "scale": list(source.form.scale),
        "pictures": pictures,
        "licence": source.licence is not None,
        "terms": source.terms or TERMS,
    }
