"""The rows of learned codes: of training runs and of encoder bundles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.methods.encoders import Bundle, Network, import_torch
from benchmarks.methods.label_classes import WITH_LABELS
from benchmarks.methods.methods import Method, whitened
from indexer.encoders.encoder import Encoder, bundle_folders, load_encoder
from indexer.errors import EncoderError, MissingExtra

if TYPE_CHECKING:
    from latentsearch.training.engine.trained import Trained

NAMES = {
    "aegan": "AEGAN",
    "direct": "direct inverse (IcGAN's Ez)",
    "bigan": "BiGAN",
    "ivegan": "IVE-GAN",
    "icgan": "IcGAN's Ez",
    "attributes": "attribute net (learned with labels)",
    "contrastive": "contrastive codes",
    "autoencoder": "autoencoder",
    "variational-autoencoder": "variational autoencoder",
}
# The facts about a run that are stored: enough to identify and repeat it.
FACTS = ("preset", "images", "steps", "seconds", "hardware", "seed", "recipe", "commands", "commit")


def learned_methods(runs: Sequence[Path], bundles: Sequence[str], taken: Collection[str] = ()) -> list[Method]:
    """The rows of training runs and of bundles (names or folders); without bundles, of the shipped one, if any.

    taken: keys of other methods. Raises InputError for a folder without a run, MissingExtra if a run needs PyTorch and
    it is not installed, EncoderError for an unusable bundle.
    """
    methods = of_runs(runs)
    for bundle in bundles or _shipped():
        methods += of_bundle(load_encoder(bundle), [*taken, *(method.key for method in methods)])
    return methods


def encoder_facts(methods: Sequence[Method]) -> dict[str, dict[str, Any]]:
    """Key -> facts that identify the encoder, for each row of unprocessed codes of a run or a bundle."""
    return {method.key: method.facts for method in methods if isinstance(method, (Bundle, Network))}


def of_runs(runs: Sequence[Path]) -> list[Method]:
    """Two rows per training run: the encoder's raw codes by Euclidean distance, and centred and whitened by cosine.

    A second run of the same kind gets a number in its key, and the names of all runs of that kind include the folder's
    name. Raises InputError if a folder holds no run with a checkpoint, MissingExtra if PyTorch is not installed.
    """
    if not runs:
        return []
    import_torch()
    from latentsearch.training.engine.trained import load_trained

    trained = [load_trained(run, terms="")[0] for run in runs]
    frequency = Counter(_family(one) for one in trained)
    methods: list[Method] = []
    for run, one in zip(runs, trained, strict=True):
        family = _family(one)
        name = NAMES.get(family, family) + (f" ({run.resolve().name})" if frequency[family] > 1 else "")
        key = _free(f"run-{family}", [method.key for method in methods])
        facts = {"family": one.family} | {fact: one.facts.get(fact) for fact in FACTS}
        network = Network(one.encoder, one.latent_size, one.framing, key, name, facts)
        if one.facts["recipe"].get("labels"):
            network.learned_from = WITH_LABELS
        methods += [network, whitened(network, _whitened_name(name))]
    return methods


def of_bundle(encoder: Encoder, taken: Collection[str] = ()) -> list[Method]:
    """The rows of a bundle: its codes by its distance and, if they are raw (Euclidean), centred and whitened too.

    taken: keys of other methods; a bundle of the same name gets a number.
    """
    key = _free(encoder.name, taken)
    if encoder.distance != "euclidean":
        ships = encoder.folder.parent == bundle_folders()[0]
        return [Bundle(encoder, key, f"bundle {encoder.name}{', as it ships' if ships else ''}")]
    family = str(encoder.model.get("family", encoder.name))
    name = NAMES.get(family, family)
    bundle = Bundle(encoder, key, name)
    return [bundle, whitened(bundle, _whitened_name(name))]


def _family(trained: Trained) -> str:
    """The family; for autoencoders, plain or variational."""
    variational = trained.facts["recipe"].get("variational", False)
    return f"variational-{trained.family}" if variational else trained.family


def _whitened_name(name: str) -> str:
    return f"{name}, centred and whitened"


def _free(name: str, taken: Collection[str]) -> str:
    return next(key for key in _numbered(name) if key not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _shipped() -> list[None]:
    try:
        load_encoder()
    except (EncoderError, MissingExtra) as error:
        click.echo(f"left out: the shipped bundle ({error})", err=True)
        return []
    return [None]
