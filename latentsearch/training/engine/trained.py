"""Load the networks of a training run that are published, and the facts about the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from indexer.encoders.framing import Framing
from indexer.errors import InputError
from latentsearch.training.datasets.images import Images, cached_images
from latentsearch.training.datasets.transforms import Alteration
from latentsearch.training.engine import run as runs
from latentsearch.training.engine.checkpoint import Checkpoint, load_checkpoint
from latentsearch.training.engine.family import Family, LabelledRecipe
from latentsearch.training.engine.loop import restore
from latentsearch.training.engine.precision import Precision
from latentsearch.training.engine.registry import load_module
from latentsearch.training.engine.training_facts import run_facts


@dataclass(frozen=True)
class Trained:
    """The exportable result of a run: networks in eval mode on the CPU, and facts about the training.

    prior: distribution of the generator's codes: "uniform", "gaussian" or "none". features: the network whose features
    replace the encoder's codes for cosine distance, or None. invariance: the alterations that codes should be invariant
    to, or None. labels: the names of the training labels; `attributes` outputs their values, and the generator takes
    them appended to the codes.
    """

    family: str
    encoder: nn.Module
    generator: nn.Module | None
    latent_size: int
    framing: Framing
    prior: str
    facts: dict[str, Any]
    features: nn.Module | None = None
    invariance: Alteration | None = None
    attributes: nn.Module | None = None
    labels: tuple[str, ...] = ()

    def generator_codes(self, x: Tensor) -> Tensor:
        """Return the generator's input for reconstructing images (n, 3, h, w): codes, with label values appended."""
        codes: Tensor = self.encoder(x)
        return codes if self.attributes is None else torch.cat([codes, self.attributes(x)], 1)


def load_family(run: Path) -> Family:
    """Load all networks of a run's last checkpoint, on the CPU, with frozen weights.

    Raises InputError if the folder contains no run, or a run without a checkpoint.
    """
    family, _ = _restored(run)
    for network in family.networks.values():
        network.eval().requires_grad_(False)
    return family


def load_trained(run: Path, terms: str) -> tuple[Trained, Images]:
    """Load the published networks of a run's last checkpoint, in eval mode on the CPU, and the run's decoded images.

    terms: the weights' terms of use. Raises InputError if the folder contains no run, or a run without a
    checkpoint or without decoded pictures.
    """
    family, checkpoint = _restored(run)
    images = cached_images(run, family.recipe.framing)
    about = runs.read(run)
    generator, features, attributes = family.generator(), family.code_features(), family.attributes()
    trained = Trained(
        family=about["family"],
        encoder=family.encoder().eval().requires_grad_(False),
        generator=None if generator is None else generator.eval().requires_grad_(False),
        latent_size=family.recipe.latent_size,
        framing=family.recipe.framing,
        prior=family.prior,
        facts=run_facts(about, checkpoint.position["total_step"], checkpoint.position["seconds"], terms)
        | {"torch": torch.__version__},
        features=None if features is None else features.eval().requires_grad_(False),
        invariance=family.invariance(),
        attributes=None if attributes is None else attributes.eval().requires_grad_(False),
        labels=family.recipe.labels if isinstance(family.recipe, LabelledRecipe) else (),
    )
    return trained, images


def _restored(run: Path) -> tuple[Family, Checkpoint]:
    about = runs.read(run)
    module = load_module(about["family"])
    family = module.FAMILY(module.Recipe(**about["recipe"]), Precision.choose("cpu", "fp32"))
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise InputError(f"{run} has no checkpoint yet: let it train for longer")
    restore(family, checkpoint.tensors)
    return family, checkpoint
