"""A training run -> the networks that are published, and the facts that go with them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from indexer.decode import Framing
from indexer.errors import InputError
from latentsearch.training import aegan
from latentsearch.training import run as runs
from latentsearch.training.checkpoint import load_checkpoint
from latentsearch.training.images import Images, cached_images
from latentsearch.training.loop import restore
from latentsearch.training.precision import Precision


@dataclass(frozen=True)
class Trained:
    """What a family gives to be exported: eval-mode networks on the CPU, and what was trained on what."""

    family: str
    encoder: nn.Module
    generator: nn.Module | None
    latent_size: int
    framing: Framing
    facts: dict[str, Any]


def load_trained(run: Path, terms: str) -> tuple[Trained, Images]:
    """The networks of a run's last checkpoint, in eval mode on the CPU, and the run's decoded images.

    Raises InputError when the folder holds no run, or one that has no checkpoint yet.
    """
    about = runs.read(run)
    recipe = aegan.Recipe(**about["recipe"])
    family = aegan.Aegan(recipe, Precision.choose("cpu", "fp32"))
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise InputError(f"{run} has no checkpoint yet: let it train for longer")
    restore(family, checkpoint.tensors)
    trained = Trained(
        family=about["family"],
        encoder=family.inverse_generator.eval().requires_grad_(False),
        generator=family.frozen_generator,
        latent_size=recipe.latent_size,
        framing=recipe.framing,
        facts=_facts(about, checkpoint.place, terms),
    )
    return trained, cached_images(run, recipe.framing)


def _portable(command: list[str]) -> str:
    """A command as it can be typed elsewhere: of paths only their last part."""
    return shlex.join(["latentsearch", *(Path(word).name if os.sep in word else word for word in command[1:])])


def _facts(about: dict[str, Any], place: dict[str, Any], terms: str) -> dict[str, Any]:
    return {
        "data": about["data"]["source"],
        "images": about["data"]["images"],
        "steps": place["total_step"],
        "seconds": round(place["seconds"]),
        "hardware": about["hardware"],
        "precision": about["precision"],
        "preset": about["preset"],
        "seed": about["recipe"]["seed"],
        "recipe": about["recipe"],
        "terms": terms,
        "commands": [_portable(command) for command in about["commands"]],
        "commit": about.get("commit", "unknown"),
        "torch": torch.__version__,
    }
