"""Export a bundle's attribute encoder, a graph from pixels to label values, and describe the labels in model.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from indexer.encoders.attributes import GRAPH, HOLDS, load_attribute_encoder
from latentsearch.export.onnx_graphs import export_graph
from latentsearch.export.precision import compress
from latentsearch.training.datasets.images import Images, to_float
from latentsearch.training.engine.trained import Trained

# model.json stores the label vectors of this many training images: a conditional generator's samples use them.
DRAWN = 256


class AttributeGraph(nn.Module):
    """Framed pictures uint8 (n, h, w, 3) -> label values float32 (n, labels)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Compute the label values of a batch."""
        values: Tensor = self.network(images.permute(0, 3, 1, 2).float() / 255)
        return values


def write_attribute_graph(trained: Trained, training: NDArray[np.uint8], folder: Path, precision: str) -> None:
    """Write attributes.onnx to a bundle's folder if the family has an attribute encoder.

    training: training images uint8 (n, h, w, 3), on which int8 is calibrated.
    """
    if trained.attributes is not None:
        shape = (2, trained.framing.height, trained.framing.width, 3)
        graph = AttributeGraph(trained.attributes).eval()
        export_graph(graph, torch.zeros(shape, dtype=torch.uint8), folder / GRAPH, "images", "values")
        compress(folder / GRAPH, precision, training)


def describe_labels(trained: Trained, images: Images) -> dict[str, Any]:
    """Return the entries of model.json for a family with labels: the labels' names and the generator's input.

    The generator's entry `drawn` has the label vectors of random training images, as strings of 0 and 1, with which
    `sample` generates pictures.
    """
    if trained.attributes is None or images.values is None:
        return {}
    facts: dict[str, Any] = {"attributes": {"labels": list(trained.labels)}}
    if trained.generator is not None:
        values = images.values[images.held_out :]
        rows = np.random.default_rng(0).permutation(len(values))[:DRAWN]
        facts["generator"] = {
            "latent_size": trained.latent_size + len(trained.labels),
            "prior": trained.prior,
            "labels": {"names": list(trained.labels), "drawn": ["".join(map(str, values[row])) for row in rows]},
        }
    return facts


@torch.no_grad()
def check_attributes(trained: Trained, bundle: Path, pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Compare the bundle's and PyTorch's labels of pictures uint8 (n, h, w, 3).

    Returns the share of labels on which they agree, as `attributes_in_common`; {} without an attribute encoder.
    """
    if trained.attributes is None:
        return {}
    by_torch = trained.attributes(to_float(pixels)).numpy()
    by_bundle = load_attribute_encoder(bundle).values(np.array(pixels))
    return {"attributes_in_common": round(float(((by_torch >= HOLDS) == (by_bundle >= HOLDS)).mean()), 4)}
