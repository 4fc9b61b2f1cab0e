"""A training run -> the networks that are published, and the facts that go with them."""

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
    """What a family gives to be exported: eval-mode networks on the CPU, and what was trained on what.

    prior: of the generator's codes: "uniform", "gaussian" or "none". features: what codes for cosine distance are made
    of where it is not the encoder's own codes. invariance: what codes are not to see, or None. labels: the names of
    those that it learned with; their values are what `attributes` tells, and stand behind the generator's codes.
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
        """What the generator makes a reconstruction of: codes of images (n, 3, h, w), with the labels that it sees."""
        codes: Tensor = self.encoder(x)
        return codes if self.attributes is None else torch.cat([codes, self.attributes(x)], 1)


def load_family(run: Path) -> Family:
    """All networks of a run's last checkpoint, on the CPU, with frozen weights.

    Raises InputError when the folder holds no run, or one that has no checkpoint yet.
    """
    family, _ = _restored(run)
    for network in family.networks.values():
        network.eval().requires_grad_(False)
    return family


def load_trained(run: Path, terms: str) -> tuple[Trained, Images]:
    """What a run's last checkpoint publishes, in eval mode on the CPU, and the run's decoded images.

    Raises InputError when the folder holds no run, one that has no checkpoint yet, or one that saw no pictures.
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
