"""Similarity search for image collections, on codes that GAN inverters learn without labels.

    import latentsearch as ls

    with ls.create("holiday.index") as pictures:
        pictures.add("photos/2024", on_progress=print)
        for hit in pictures.search("photos/2024/beach.jpg", k=5, exclude_self=True):
            print(hit.rank, hit.path, hit.similarity)

`open` and `create` return a `Collection`: the pictures of one index. Its methods add, search, compare, encode and
remove pictures; `index` makes an index of folders in one call, and `watch` follows them. All errors derive from
`LatentsearchError`, except that a closed collection raises ValueError. A name is imported when it is first used, so
`import latentsearch` takes a few milliseconds; only training networks, exporting and inverting import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.errors import (
        DamagedIndex,
        EncoderError,
        IndexStateError,
        InputError,
        LatentsearchError,
        LockedIndex,
        MissingExtra,
        TrainingError,
        TransferError,
        UnreadableImage,
    )
    from latentsearch.interface.bundles import export_bundle, invert, sample
    from latentsearch.interface.collection import Collection, create, find_duplicates, open
    from latentsearch.interface.data import data_sets, fetch_data, verify_data
    from latentsearch.interface.duplicates import Duplicates
    from latentsearch.interface.encoding import encode, encoders, predict_labels
    from latentsearch.interface.foreign_codes import import_codes, import_vectors
    from latentsearch.interface.indexing import index, watch
    from latentsearch.interface.parquet import import_parquet
    from latentsearch.interface.results import Results
    from latentsearch.interface.training import train
    from latentsearch.query import Hit

__all__ = [
    "Collection",
    "DamagedIndex",
    "Duplicates",
    "EncoderError",
    "Hit",
    "IndexStateError",
    "InputError",
    "LatentsearchError",
    "LockedIndex",
    "MissingExtra",
    "Results",
    "TrainingError",
    "TransferError",
    "UnreadableImage",
    "create",
    "data_sets",
    "encode",
    "encoders",
    "export_bundle",
    "fetch_data",
    "find_duplicates",
    "import_codes",
    "import_parquet",
    "import_vectors",
    "index",
    "invert",
    "open",
    "predict_labels",
    "sample",
    "train",
    "verify_data",
    "watch",
]

_MODULES = {
    "Collection": "latentsearch.interface.collection",
    "Duplicates": "latentsearch.interface.duplicates",
    "Hit": "latentsearch.query",
    "Results": "latentsearch.interface.results",
    "create": "latentsearch.interface.collection",
    "data_sets": "latentsearch.interface.data",
    "encode": "latentsearch.interface.encoding",
    "encoders": "latentsearch.interface.encoding",
    "export_bundle": "latentsearch.interface.bundles",
    "fetch_data": "latentsearch.interface.data",
    "find_duplicates": "latentsearch.interface.collection",
    "import_codes": "latentsearch.interface.foreign_codes",
    "import_parquet": "latentsearch.interface.parquet",
    "import_vectors": "latentsearch.interface.foreign_codes",
    "index": "latentsearch.interface.indexing",
    "invert": "latentsearch.interface.bundles",
    "open": "latentsearch.interface.collection",
    "predict_labels": "latentsearch.interface.encoding",
    "sample": "latentsearch.interface.bundles",
    "train": "latentsearch.interface.training",
    "verify_data": "latentsearch.interface.data",
    "watch": "latentsearch.interface.indexing",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES.get(name, "indexer.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion in a shell."""
    return sorted({*globals(), *__all__})
