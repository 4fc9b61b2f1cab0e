"""Export a fitted run of the family `parts` as an encoder bundle."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import load_encoder
from indexer.errors import InputError
from latentsearch.export.bundle_folder import FIT_IMAGES, describe_bundle, likeness, new_bundle
from latentsearch.export.model_card import write_model
from latentsearch.export.stored_weights import store_as_fp16, store_as_int8
from latentsearch.parts.fit import Block, each_code
from latentsearch.training.datasets.images import Images, cached_images
from latentsearch.training.engine import run as runs
from latentsearch.training.engine.training_facts import run_facts
from latentsearch.training.families.parts import ENCODER, GENERATOR, Recipe

logger = logging.getLogger(__name__)

CHECK_IMAGES = 256
CHECK_GALLERY = 5_000
DISTANCE = "cosine"

Codes = NDArray[np.float32]


def export_fitted(
    run: Path,
    folder: Path,
    *,
    name: str,
    precision: str = "fp16",
    distance: str = DISTANCE,
    terms: str,
) -> dict[str, Any]:
    """Write the bundle of a fitted run and return its model.json.

    precision: "fp32" or "fp16" (stored as fp16, computed in fp32); with fp16, the generator's weights are stored as
    int8. distance: only "cosine". terms: the weights' terms of use. Raises InputError if the run is not finished, the
    precision or distance is not supported, or the folder is not empty.
    """
    if precision not in ("fp32", "fp16"):
        raise InputError(f"codes by parts are stored as fp32 or fp16, not {precision}: take --precision fp16")
    if distance != DISTANCE:
        raise InputError(f"codes by parts are compared by {DISTANCE}, not {distance}: leave out --distance")
    if not (run / GENERATOR).exists():
        raise InputError(f"{run} is not fitted to the end: go on with `latentsearch train parts … --resume`")
    about = runs.read(run)
    recipe = Recipe(**about["recipe"])
    images = cached_images(run, recipe.framing)
    with new_bundle(folder) as staging:
        logger.info("encoding %d training images", min(len(images), FIT_IMAGES))
        codes = _codes((run / ENCODER).read_bytes(), images)
        logger.info("writing the graphs as %s", precision)
        _write_graphs(run, staging, precision)
        facts = run_facts(about, 0, about["seconds"], terms) | {"boxes": about["boxes"]}
        model = describe_bundle(
            staging,
            codes,
            name=name,
            family=about["family"],
            framing=recipe.framing,
            distance=distance,
            precision=precision,
            trained=facts,
        )
        # The codes follow no known distribution, so the generator can decode codes of pictures but not random ones.
        model["generator"] = {"latent_size": codes.shape[1], "prior": "none"}
        write_model(staging, model)
        logger.info("checking them against full precision on %d images", CHECK_IMAGES)
        model["fidelity"] = _check(run, staging, images, codes)
        write_model(staging, model)
    return model


def _codes(encoder: bytes, images: Images) -> Codes:
    return np.concatenate([codes for _, codes in each_code(encoder, images.first(FIT_IMAGES))])


def _write_graphs(run: Path, staging: Path, precision: str) -> None:
    for file in (ENCODER, GENERATOR):
        (staging / file).write_bytes((run / file).read_bytes())
    if precision == "fp16":
        store_as_fp16(staging / ENCODER)
        store_as_int8(staging / GENERATOR)


def _check(run: Path, staging: Path, images: Images, gallery: Codes) -> dict[str, float]:
    """Compare the stored graph with full precision on the first images, which are held-out ones if there are any."""
    encoder = load_encoder(staging)
    queries = np.array(images.pixels[:CHECK_IMAGES])
    ((_, exact),) = each_code((run / ENCODER).read_bytes(), Block(queries))
    training = np.concatenate(list(images.first(CHECK_GALLERY).blocks()))
    return likeness((exact, encoder.encode(queries)), (gallery[: len(training)], encoder.encode(training)))
