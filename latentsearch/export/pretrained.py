"""Load a pretrained timm network for export, with its normalisation and the facts about its source."""

from __future__ import annotations

import importlib
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from indexer.encoders.framing import CELEBA, Framing
from indexer.errors import InputError, TransferError
from indexer.system.extras import require_extra
from latentsearch.export.bundle_folder import FIT_IMAGES
from latentsearch.training.datasets.images import Images, load_images
from latentsearch.training.engine.trained import Trained

logger = logging.getLogger(__name__)

PREFIX = "timm:"
# Length of codes for cosine distance; if the network has fewer features, a code has one number per feature.
LATENT_SIZE = 100
TERMS = "as the source of the weights states"


class Normalised(nn.Module):
    """A timm network preceded by its normalisation: pictures float32 (n, 3, h, w) in [0, 1] -> features (n, d)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        about: Any = network.pretrained_cfg
        for name, key in (("mean", "mean"), ("deviation", "std")):
            self.register_buffer(name, torch.tensor(about[key]).view(1, 3, 1, 1))
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Compute features (n, d)."""
        features: Tensor = self.network((x - self.mean) / self.deviation)
        return features


def load_pretrained(name: str, untrained: bool = False, seed: int = 0) -> Trained:
    """Load a timm network by name, without its classifier, in eval mode on the CPU.

    untrained: use random weights instead of the pretrained ones. Logs a line before a possible download. Raises
    MissingExtra without timm, InputError if timm has no such network, and TransferError if the weights are neither
    cached nor downloadable.
    """
    require_extra("pretrained", "timm")
    timm = importlib.import_module("timm")
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise InputError(f"timm {timm.__version__} has no network {architecture!r}: `timm.list_models()` lists them")
    if not untrained:
        logger.info("timm takes the weights of %s%s from its cache, or fetches them from the Internet", PREFIX, name)
    network = _untrained(timm, name, seed) if untrained else _with_weights(timm, name)
    about = network.pretrained_cfg
    _, height, width = about["input_size"]
    return Trained(
        family=architecture,
        encoder=Normalised(network).eval().requires_grad_(False),
        generator=None,
        latent_size=min(LATENT_SIZE, network.num_features),
        framing=Framing(width, height, CELEBA.crops),
        prior="none",
        facts=_facts(name, timm.__version__, about, untrained),
    )


def _untrained(timm: Any, name: str, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return timm.create_model(name, pretrained=False, num_classes=0)


def _with_weights(timm: Any, name: str) -> Any:
    try:
        return timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # errors of timm, the hub and the network have no other common base class
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise TransferError(
            f"the weights of {PREFIX}{name} are not on this machine and cannot be fetched ({reason}): "
            "fetch them where there is a network, or take --untrained for random ones"
        ) from error


def _facts(name: str, version: str, about: dict[str, Any], untrained: bool) -> dict[str, Any]:
    source = about.get("hf_hub_id") or about.get("url") or "unknown"
    return {
        "data": "nothing: random weights" if untrained else f"what {PREFIX}{name} was pretrained on",
        "source": f"{PREFIX}{name}",
        "weights": "random" if untrained else f"{source} ({about.get('tag') or 'no tag'})",
        "licence": "none: random weights" if untrained else str(about.get("license") or "not stated by timm"),
        "timm": version,
        "torch": torch.__version__,
        "terms": TERMS,
    }


@contextmanager
def with_pretrained(
    source: str,
    pictures: Path,
    untrained: bool = False,
    terms: str | None = None,
) -> Iterator[tuple[Trained, Images]]:
    """Yield the network `timm:NAME` and the pictures of a folder, decoded into a temporary folder.

    terms: the weights' terms of use, if known. Raises the errors of `load_pretrained`, and InputError if the
    folder is missing or has no pictures.
    """
    trained = load_pretrained(source.removeprefix(PREFIX), untrained)
    with tempfile.TemporaryDirectory() as folder:
        images = load_images(pictures, Path(folder), trained.framing)
        facts = trained.facts | {"pictures": min(len(images), FIT_IMAGES)} | ({"terms": terms} if terms else {})
        yield replace(trained, facts=facts), images
