"""Export PyTorch networks as ONNX graphs in full precision."""

from __future__ import annotations

import copy
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

OPSET = 20


def export_graph(network: nn.Module, example: Tensor, path: Path, input_name: str, *output_names: str) -> None:
    """Write a network (eval mode, CPU) as ONNX with a dynamic batch and with folded batch normalisation."""
    torch.onnx.export(
        fold_batch_normalisation(network),
        (example,),
        path,
        input_names=[input_name],
        output_names=list(output_names),
        dynamic_shapes=({0: "n"},),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    forget_origin(path)


def forget_origin(path: Path) -> None:
    """Remove the exporter's metadata from a graph: it contains source code and paths of this machine."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, path)


def fold_batch_normalisation(network: nn.Module) -> nn.Module:
    """Return a copy of a network with each batch normalisation folded into the convolution before it."""
    network = copy.deepcopy(network).float().eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                layer, following = module[index], module[index + 1]
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and type(following) is nn.BatchNorm2d:
                    transposed = isinstance(layer, nn.ConvTranspose2d)
                    module[index] = fuse_conv_bn_eval(layer, following, transposed)
                    module[index + 1] = nn.Identity()
    return network
