"""Chooses the type of FAISS index for a number of codes, and builds empty ones from FAISS factory strings."""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple

from indexer.errors import InputError, MissingExtra
from indexer.vectors.exact import import_faiss
from indexer.vectors.faiss_file import (
    AUTO,
    FLAT,
    HNSW,
    INDEX_TYPES,
    IVF_PQ,
    IVF_SQ8,
    inverted_lists,
)

# Below this many codes, the other types have too few to train on.
FLAT_ALWAYS_BELOW = 1_000
# Below this many codes, a full scan is as fast as importing FAISS, reading an index and re-ranking its results.
FLAT_BELOW = 200_000
LISTS_AT_MOST = 8_192
# Training samples this many codes per list: FAISS warns below 39, and more did not improve recall.
TRAINING_CODES_A_LIST = 48
TRAINING_ROUNDS = 10
# FAISS's scalar quantiser is six times slower if the width is not a multiple of 8, so codes are padded with zeros.
WIDTH_STEP = 8


class Choice(NamedTuple):
    """A type of index, and the reason for choosing it, as a clause for users."""

    index_type: str
    why: str


def choose(wanted: str, count: int, latent_size: int, memory: int | None = None) -> Choice:
    """Choose the index type for a number of codes.

    wanted: one of INDEX_TYPES, or a FAISS factory string, which is used unchanged. memory: bytes that codes may occupy,
    None for half of this machine's memory.
    """
    if wanted not in (AUTO, FLAT) and count < FLAT_ALWAYS_BELOW:
        return Choice(FLAT, f"{wanted} was asked for, but {count:,} codes are too few to train it")
    if wanted != AUTO:
        return Choice(wanted, "asked for")
    if count < FLAT_BELOW:
        return Choice(FLAT, f"comparing all {count:,} codes is as fast as reading an index")
    room = machine_memory() // 2 if memory is None else memory
    exact, quarter = count * latent_size * 4, count * width(IVF_SQ8, latent_size)
    if exact <= room or quarter > room:
        return Choice(
            IVF_PQ,
            f"{count:,} codes are searched at 2 bits per number; {_gb(exact)} of exact codes rank the best",
        )
    return Choice(
        IVF_SQ8,
        f"{count:,} exact codes take {_gb(exact)}, more than {_gb(room)}, so a search reads only a few",
    )


def factory(index_type: str, count: int, latent_size: int) -> str:
    """Return the FAISS factory string for a type other than flat; other strings are already factory strings."""
    lists = lists_for(count)
    strings = {
        HNSW: "IDMap,HNSW32",
        IVF_SQ8: f"IVF{lists},SQ8",
        # Four bits for each pair of numbers, compared in registers; re-ranking makes up for the loss of precision.
        IVF_PQ: f"IVF{lists},PQ{width(IVF_PQ, latent_size) // 2}x4fs",
    }
    string = strings.get(index_type, index_type)
    return string if "IVF" in string or string.startswith("IDMap") else f"IDMap,{string}"


def lists_for(count: int) -> int:
    """Return the number of inverted lists: the power of 2 nearest to 4 times the square root of the code count."""
    return min(LISTS_AT_MOST, 1 << max(0, round(math.log2(4 * math.sqrt(max(count, 1))))))


def width(index_type: str, latent_size: int) -> int:
    """Return the code width inside FAISS: padded, except for factory strings, which may require certain divisors."""
    return -(-latent_size // WIDTH_STEP) * WIDTH_STEP if index_type in INDEX_TYPES else latent_size


def empty(index_type: str, count: int, latent_size: int) -> Any:
    """Create an untrained, empty FAISS index. Raises InputError if FAISS rejects the factory string."""
    faiss = import_faiss()
    string = factory(index_type, count, latent_size)
    try:
        made = faiss.index_factory(width(index_type, latent_size), string)
    except RuntimeError as error:
        raise InputError(
            f"FAISS makes no index {index_type!r} of {latent_size} numbers ({reason_of(error)}): name one of "
            f"{', '.join(INDEX_TYPES)}, or a FAISS factory string that fits"
        ) from error
    lists = inverted_lists(made)
    if lists is not None:
        lists.cp.niter, lists.cp.max_points_per_centroid = TRAINING_ROUNDS, TRAINING_CODES_A_LIST
        lists.cp.min_points_per_centroid = 1
    return made


def reason_of(error: RuntimeError) -> str:
    """Return FAISS's message without its source location."""
    return str(error).rpartition("Error: ")[2] or "it gives no reason"


def machine_memory() -> int:
    """Return this machine's memory in bytes."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def check_device(device: str) -> None:
    """Raise MissingExtra if FAISS cannot build on the requested device."""
    if device == "cpu":
        return
    module = import_faiss()
    if not hasattr(module, "index_cpu_to_all_gpus") or module.get_num_gpus() == 0:
        raise MissingExtra(
            "--device cuda needs a GPU and faiss-gpu: `pip uninstall faiss-cpu onnxruntime`, then `pip install "
            "'latentsearch[gpu]'`"
        )
