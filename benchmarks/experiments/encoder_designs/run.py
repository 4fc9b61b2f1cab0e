"""IND, IND-COND or SNG? The errors of IcGAN's encoders on generated images and on real faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.encoder_designs.page import table
from benchmarks.judges.attribute_scores import Seen, scores
from benchmarks.methods.encoders import import_torch
from indexer.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from benchmarks.judges.attribute_judge import AttributeJudge
    from latentsearch.training.engine.trained import Trained

NAME = "encoder-designs"
RESAMPLES = 1_000
CODES_AT_ONCE = 500


def load_designs(runs: Sequence[Path]) -> dict[str, Trained]:
    """Design -> its trained networks, all with the first run's generator.

    Raises InputError for a run of another family, two runs of one design, or encoders of different generators or
    labels.
    """
    from latentsearch.training.engine.trained import load_trained

    found: dict[str, Trained] = {}
    for run in runs:
        trained, _ = load_trained(run, terms="")
        design = trained.facts["recipe"].get("design")
        if design is None or design in found:
            raise InputError(f"{run} is not a run of icgan, or is a second run of its design")
        first = next(iter(found.values()), trained)
        if trained.labels != first.labels or not _same_weights(trained.generator, first.generator):
            raise InputError(f"{run} encodes another generator's images: train it with --generator {runs[0]}")
        found[design] = replace(trained, generator=first.generator)
    return found


def _same_weights(network: nn.Module | None, other: nn.Module | None) -> bool:
    """Whether two networks have the same weights; batch statistics may differ."""
    import torch

    assert network is not None and other is not None
    ours, theirs = dict(network.named_parameters()), dict(other.named_parameters())
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def errors_of_codes(trained: Trained, asked: Seen, seed: int) -> metrics.Floats:
    """Le (eq. 3): the mean squared error over the components of z, of each generated image: (n,)."""
    import torch

    from latentsearch.inversion.optimise import draw

    assert trained.generator is not None
    z = draw(trained.prior, len(asked), trained.latent_size, seed)
    y = torch.from_numpy(asked.astype(np.float32))
    errors = []
    with torch.no_grad():
        for start in range(0, len(z), CODES_AT_ONCE):
            part = slice(start, start + CODES_AT_ONCE)
            z_hat = trained.encoder(trained.generator(torch.cat([z[part], y[part]], 1)))
            errors.append((z_hat - z[part]).square().mean(1).numpy())
    return np.concatenate(errors).astype(np.float64)


def measure_real(trained: Trained, faces: Faces, judge: AttributeJudge, seed: int) -> dict[str, Any]:
    """Ey's predictions for real faces, the errors of reconstructions, and how often Anet predicts the same for both."""
    from benchmarks.judges.inverters import in_blocks, to_images
    from indexer.encoders.attributes import HOLDS

    assert trained.attributes is not None and trained.generator is not None
    x, asked = to_images(faces.pixels(trained.framing)), judge.asked_of(faces)
    values = in_blocks(trained.attributes, x).numpy()
    x_hat = in_blocks(trained.generator, in_blocks(trained.generator_codes, x))
    weights = metrics.bootstrap_weights(len(faces), RESAMPLES, seed)
    label_errors = np.square(values - asked).mean(axis=1).astype(np.float64)
    kept = np.asarray((judge.sees(x_hat) == judge.sees(x)).mean(axis=1), np.float64)
    return {
        "labels": scores(values >= HOLDS, asked, judge.labels, seed),
        "label_error": metrics.mean_with_interval(label_errors, weights),
        "image_error": metrics.mean_with_interval((x_hat - x).square().flatten(1).mean(1).double().numpy(), weights),
        "attributes_kept": metrics.mean_with_interval(kept, weights),
    }


def measure(
    designs: dict[str, Trained], faces: Faces, judge: AttributeJudge, pictures: int, seed: int
) -> dict[str, dict[str, Any]]:
    """One row per design, all on the same codes and labels."""
    from benchmarks.methods.learned import FACTS

    rows = {}
    drawn = np.random.default_rng([seed, 3]).integers(len(faces), size=pictures)
    asked = judge.asked_of(faces)[drawn]
    weights = metrics.bootstrap_weights(pictures, RESAMPLES, seed)
    for design, trained in designs.items():
        if trained.labels != judge.labels:
            raise InputError(f"the judge {judge.run} was trained on different labels from the runs")
        rows[design] = {"code_error": metrics.mean_with_interval(errors_of_codes(trained, asked, seed), weights)}
        rows[design] |= measure_real(trained, faces, judge, seed)
        rows[design]["run"] = {fact: trained.facts.get(fact) for fact in FACTS}
    return rows


@experiment(NAME)
@faces_option
@click.option("--judge", "judge_run", required=True, type=click.Path(path_type=Path), help="A run of attributes.")
@click.option("--run", "runs", multiple=True, required=True, type=click.Path(path_type=Path), help="A run of icgan.")
@click.option("--pictures", type=click.IntRange(1), default=5_000, show_default=True, help="Generated pictures.")
@click.option("--seed", default=0, show_default=True, help="Seed of codes and resamples.")
@results_option
def command(data: Path, judge_run: Path, runs: tuple[Path, ...], pictures: int, seed: int, results: Path) -> None:
    """Measure Le of runs that share one generator; repeat --run for more. The first run's generator is used for all."""
    import_torch()
    from benchmarks.judges.attribute_judge import AttributeJudge

    judge, designs = AttributeJudge(judge_run), load_designs(runs)
    rows = measure(designs, load_faces(data, "validation"), judge, pictures, seed)
    result = {"seed": seed, "pictures": pictures, "judge": judge.facts, "labels": judge.labels, "rows": rows}
    click.echo(table(result))
    publish(NAME, result, results)
