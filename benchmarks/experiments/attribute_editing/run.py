"""Does IcGAN set, swap and blend attributes of faces (Figs 5 and 6), and what else changes?

A face is encoded as (z, y), y is changed, and G generates; Anet, which was trained separately, predicts the result's
attributes.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import load_faces
from benchmarks.experiments.attribute_editing.page import table
from benchmarks.methods.encoders import import_torch
from benchmarks.statistics.edited_queries import ASKED

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.experiments.attribute_editing.attribute_editor import Coded, Editor

NAME = "attribute-editing"
RESAMPLES = 1_000


def measure(editor: Editor, x: Tensor, faces: Coded, seed: int) -> dict[str, Any]:
    """Measure setting, swapping and blending; x: the images (n, 3, h, w) encoded as `faces`."""
    return {
        "seen_again": round(float((editor.judge.sees(x) == faces.seen).mean()), 5),
        "set": measure_setting(editor, faces, seed),
        "swapped": measure_swaps(editor, faces, seed),
        "blended": measure_blends(editor, faces, seed),
    }


def measure_setting(editor: Editor, faces: Coded, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Set each attribute to each value in the faces whose reconstruction lacks it (Fig. 5)."""
    apart = _pair_distance(faces.images, seed)
    return {
        name: [_set(editor, faces, column, value, apart, seed) for value in (1, 0)]
        for column, name in enumerate(editor.labels)
    }


def _set(editor: Editor, faces: Coded, column: int, value: int, apart: float, seed: int) -> dict[str, Any]:
    lacking = np.flatnonzero(faces.seen[:, column] != bool(value))
    if not len(lacking):
        return {"value": value, "faces": 0}
    y = faces.y[lacking].clone()
    y[:, column] = value
    after = editor.coded(faces.z[lacking], y)
    weights = metrics.bootstrap_weights(len(lacking), RESAMPLES, seed)
    others = np.delete(np.arange(len(editor.labels)), column)
    changed = after.seen[:, others] != faces.seen[lacking][:, others]
    moved = _distances(after.images, faces.images[lacking]) / apart
    return {
        "value": value,
        "faces": len(lacking),
        "seen": metrics.mean_with_interval(after.seen[:, column] == bool(value), weights),
        "others_changed": metrics.mean_with_interval(changed.mean(axis=1), weights),
        "moved": metrics.mean_with_interval(moved, weights),
    }


def measure_swaps(editor: Editor, faces: Coded, seed: int) -> dict[str, Any]:
    """Generate each face's z with the y of another random face (Fig. 6b)."""
    from benchmarks.experiments.attribute_editing.attribute_editor import partners

    others = partners(len(faces), seed)
    swapped = editor.coded(faces.z, faces.y[others])
    weights = metrics.bootstrap_weights(len(faces), RESAMPLES, seed)
    mine, theirs = faces.seen, faces.seen[others]
    differ = mine != theirs
    taken = ((swapped.seen == theirs) & differ).sum(axis=1) / np.maximum(differ.sum(axis=1), 1)
    from_z, from_y = (_distances(swapped.images, images) for images in (faces.images, faces.images[others]))
    return {
        "pairs": len(faces),
        "taken": metrics.mean_with_interval(taken, weights),
        "nearer_z": metrics.mean_with_interval(from_z < from_y, weights),
    }


def measure_blends(editor: Editor, faces: Coded, seed: int) -> dict[str, Any]:
    """Interpolate between two faces in even steps of z and y (Fig. 6a)."""
    import torch

    from benchmarks.experiments.attribute_editing.attribute_editor import STEPS, partners

    others = partners(len(faces), seed)
    shares = torch.linspace(0, 1, STEPS + 1)
    path = [
        editor.draw(torch.lerp(faces.z, faces.z[others], share), torch.lerp(faces.y, faces.y[others], share))
        for share in shares
    ]
    from_start = np.stack([_distances(images, path[0]) for images in path])
    steps = np.stack([_distances(after, before) for before, after in pairwise(path)])
    weights = metrics.bootstrap_weights(len(faces), RESAMPLES, seed)
    return {
        "pairs": len(faces),
        "steps": STEPS,
        "grows": metrics.mean_with_interval((np.diff(from_start, axis=0) > 0).mean(axis=0), weights),
        "largest_step": metrics.mean_with_interval(steps.max(axis=0) / steps.sum(axis=0), weights),
    }


def _pair_distance(images: Tensor, seed: int) -> float:
    """The mean distance between two random pictures."""
    from benchmarks.experiments.attribute_editing.attribute_editor import partners

    return float(_distances(images, images[partners(len(images), seed)]).mean())


def _distances(images: Tensor, others: Tensor) -> metrics.Floats:
    """The mean absolute difference of a colour value, per picture (n,)."""
    return np.asarray((images - others).abs().flatten(1).mean(1).numpy(), np.float64)


@experiment(NAME)
@faces_option
@click.option("--run", required=True, type=click.Path(path_type=Path), help="A run of icgan.")
@click.option("--judge", "judge_run", required=True, type=click.Path(path_type=Path), help="A run of attributes.")
@click.option(
    "--faces", "count", type=click.IntRange(8), default=1_000, show_default=True, help="Maximum number of faces."
)
@click.option("--sheets", type=click.Path(path_type=Path), help="Folder for sheets with real faces; without it, none.")
@click.option("--seed", default=0, show_default=True, help="Seed of pairs, codes and resamples.")
@results_option
def command(data: Path, run: Path, judge_run: Path, count: int, sheets: Path | None, seed: int, results: Path) -> None:
    """Set, swap and blend the attributes of validation faces, and measure the predicted attributes."""
    import_torch()
    from benchmarks.experiments.attribute_editing.attribute_editor import Editor, save_face_grids, save_generated_grid
    from benchmarks.judges.attribute_judge import AttributeJudge
    from benchmarks.judges.inverters import to_images
    from benchmarks.methods.learned import FACTS
    from latentsearch.training.engine.trained import load_trained

    judge = AttributeJudge(judge_run)
    trained, _ = load_trained(run, terms="")
    editor = Editor(trained, judge)
    x = to_images(load_faces(data, "validation").pixels(trained.framing)[:count])
    faces = editor.code(x)
    result: dict[str, Any] = {
        "seed": seed,
        "faces": len(faces),
        "judge": judge.facts,
        "run": {fact: trained.facts.get(fact) for fact in FACTS},
        **measure(editor, x, faces, seed),
        "asked": ASKED,
    }
    save_generated_grid(editor, ASKED, results / f"{NAME}-sheet.png", seed)
    if sheets:
        save_face_grids(editor, x, faces, ASKED, sheets, seed)
    click.echo(table(result))
    publish(NAME, result, results)
