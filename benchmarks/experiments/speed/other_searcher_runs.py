"""Runs one other image search over a folder as a process, with the Python that has it, and prints a JSON object.

    python -m benchmarks.experiments.speed.other_searcher_runs NAME FOLDER QUERIES

index_s: from the folder to a searchable state, including loading the model. search_ms: the median time from a query
file to its results, if single queries exist; search_all_s: all pictures against all, if that is the only search.
Networks have random weights: speed does not depend on them, and trained weights would have to be downloaded.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any


def phash(folder: Path, queries: int) -> dict[str, Any]:
    """imagededup's PHash, which can only search all pictures against all."""
    from imagededup.methods import PHash

    hasher = PHash(verbose=False)
    encodings, index_s = _timed(lambda: hasher.encode_images(image_dir=str(folder)))
    _, all_s = _timed(lambda: hasher.find_duplicates(encoding_map=encodings, max_distance_threshold=10))
    return {"images": len(encodings), "index_s": index_s, "search_all_s": all_s}


def cnn(folder: Path, queries: int) -> dict[str, Any]:
    """imagededup's CNN with its default network, MobileNetV3, as a custom model with random weights."""
    import torch
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel
    from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small

    network = mobilenet_v3_small(weights=None)
    model = torch.nn.Sequential(network.features, network.avgpool, torch.nn.Flatten())
    transform = MobileNet_V3_Small_Weights.IMAGENET1K_V1.transforms()
    finder = CNN(verbose=False, model_config=CustomModel(name="random", model=model.eval(), transform=transform))
    encodings, index_s = _timed(lambda: finder.encode_images(image_dir=str(folder)))
    _, all_s = _timed(lambda: finder.find_duplicates(encoding_map=encodings, min_similarity_threshold=0.999))
    return {"images": len(encodings), "index_s": index_s, "search_all_s": all_s}


def deep_image_search(folder: Path, queries: int) -> dict[str, Any]:
    """DeepImageSearch with timm's MobileNetV3, random weights; its default, VGG19, is many times slower."""
    from DeepImageSearch import Search_Setup

    files = [str(path) for path in sorted(folder.glob("*.jpg"))]
    with tempfile.TemporaryDirectory() as scratch:
        setup = Search_Setup(files, model_name="mobilenetv3_small_100", pretrained=False, metadata_dir=scratch)
        _, index_s = _timed(setup.run_index)
        spent = [_timed(partial(setup.get_similar_images, path, 20))[1] for path in files[:queries]]
    return {"images": len(files), "index_s": index_s, "search_ms": 1e3 * statistics.median(spent)}


RUNS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "imagededup PHash": phash,
    "imagededup CNN": cnn,
    "DeepImageSearch": deep_image_search,
}


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    done = work()
    return done, time.perf_counter() - begin


if __name__ == "__main__":
    print(json.dumps(RUNS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
