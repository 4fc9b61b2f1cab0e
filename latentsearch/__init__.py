"""Similarity search for image collections, on codes that GAN inverters learn without labels.

    import latentsearch as ls

    with ls.create("holiday.index") as pictures:
        pictures.add("photos/2024", on_progress=print)
        for hit in pictures.search("photos/2024/beach.jpg", k=5, exclude_self=True):
            print(hit.rank, hit.path, hit.similarity)

`open` and `create` return a `Collection`: the pictures of one index. Its methods add, search, compare, encode and
remove pictures; `index` makes an index of folders in one call, and `watch` follows them. All errors derive from
`LatentsearchError`, except that a closed collection raises ValueError. A name is imported when it is first used, so
`import latentsearch` takes a few milliseconds; torch is never imported.
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
        TransferError,
        UnreadableImage,
    )
    from latentsearch.interface.collection import Collection, create, find_duplicates, open
    from latentsearch.interface.duplicates import Duplicates
    from latentsearch.interface.encoding import encode, encoders
    from latentsearch.interface.foreign_codes import import_codes
    from latentsearch.interface.indexing import index, watch
    from latentsearch.interface.parquet import import_parquet
    from latentsearch.interface.results import Results
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
    "TransferError",
    "UnreadableImage",
    "create",
    "encode",
    "encoders",
    "find_duplicates",
    "import_codes",
    "import_parquet",
    "index",
    "open",
    "watch",
]

_MODULES = {
    "Collection": "latentsearch.interface.collection",
    "Duplicates": "latentsearch.interface.duplicates",
    "Hit": "latentsearch.query",
    "Results": "latentsearch.interface.results",
    "create": "latentsearch.interface.collection",
    "encode": "latentsearch.interface.encoding",
    "encoders": "latentsearch.interface.encoding",
    "find_duplicates": "latentsearch.interface.collection",
    "import_codes": "latentsearch.interface.foreign_codes",
    "import_parquet": "latentsearch.interface.parquet",
    "index": "latentsearch.interface.indexing",
    "open": "latentsearch.interface.collection",
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
