"""How often does the shipped attribute encoder predict the label that people gave a face?

Compared with predictions from codes learned without labels, by the directions of `latentsearch query --set` fitted on
the training faces, and with always predicting each label's commoner value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import load_faces
from benchmarks.experiments.predicted_labels.page import table
from benchmarks.judges.attribute_scores import said_of, scores
from benchmarks.methods.encoders import Bundle
from indexer.encoders.attributes import HOLDS, load_attribute_encoder
from indexer.encoders.encoder import load_encoder
from latentsearch.attributes.directions import fit_directions
from latentsearch.export.model_card import record_scores

NAME = "predicted-labels"


@experiment(NAME)
@faces_option
@click.option("--attributes", help="The name or folder of a bundle that predicts labels. [the shipped one]")
@click.option("--codes", help="The name or folder of the encoder whose codes predict. [the shipped one]")
@click.option("--seed", default=0, show_default=True, help="Seed of the resamples.")
@click.option("--record", is_flag=True, help="Also write the scores into the bundle's model.json and card.")
@results_option
def command(data: Path, attributes: str | None, codes: str | None, seed: int, record: bool, results: Path) -> None:
    """Compare predicted labels of validation faces with annotated ones."""
    result = measure(data, attributes, codes, seed)
    click.echo(table(result))
    publish(NAME, result, results)
    if record:
        row = result["rows"]["attributes"]
        scores = {name: round(row[key]["mean"], 4) for name, key in (("accuracy", "accuracy"), ("F1", "f1"))}
        record_scores(load_attribute_encoder(attributes).folder, scores)


def measure(data: Path, attributes: str | None, codes: str | None, seed: int) -> dict[str, Any]:
    """Scores of the predictions for the validation faces, one row per predictor.

    Raises InputError if the faces lack a label that the bundle predicts.
    """
    predictor, encoder = load_attribute_encoder(attributes), load_encoder(codes)
    training, faces = load_faces(data, "train"), load_faces(data, "validation")
    learned, asked = said_of(training, predictor.labels), said_of(faces, predictor.labels)
    method = Bundle(encoder, "codes", encoder.name)
    directions = fit_directions(method.codes(training), learned.astype(np.int8))
    seen = {
        "attributes": predictor.values(np.array(faces.pixels(predictor.framing))) >= HOLDS,
        "codes": directions.probabilities(method.codes(faces)) >= HOLDS,
        "commoner": np.broadcast_to(learned.mean(axis=0) >= 1 / 2, asked.shape),
    }
    return {
        "seed": seed,
        "labels": list(predictor.labels),
        "training": len(training),
        "names": {"attributes": predictor.name, "codes": encoder.name},
        "sha256": {"attributes": predictor.sha256, "codes": encoder.sha256},
        "rows": {key: scores(values, asked, predictor.labels, seed) for key, values in seen.items()},
    }
