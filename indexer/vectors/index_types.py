"""Which FAISS index suits how many codes: kinds by name, FAISS factory strings, and the choice between them."""

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
    IVF_PQ,
    IVF_SQ8,
    KINDS,
    inverted_lists,
)

# An index of another kind needs some codes to learn from.
FLAT_ALWAYS_BELOW = 1_000
# Below this many codes going through all of them is as fast as an index that has to be imported, read and re-ranked.
FLAT_BELOW = 200_000
LISTS_AT_MOST = 8_192
# Training looks at so many codes a list: FAISS warns below 39, and more made recall no better.
TRAINING_CODES_A_LIST = 48
TRAINING_ROUNDS = 10
# FAISS's scalar quantiser is six times slower where the width is no multiple of 8; codes are padded with zeros.
WIDTH_STEP = 8


class Choice(NamedTuple):
    """A kind, and why it was chosen: a clause that people read."""

    kind: str
    why: str


def choose(wanted: str, count: int, latent_size: int, memory: int | None = None) -> Choice:
    """The kind for so many codes.

    wanted: a kind or a FAISS factory string, which is taken as it is, or "auto". memory: bytes that codes may take,
    None for half of this machine's.
    """
    if wanted not in (AUTO, FLAT) and count < FLAT_ALWAYS_BELOW:
        return Choice(FLAT, f"{wanted} was asked for, but {count:,} codes are too few to learn from")
    if wanted != AUTO:
        return Choice(wanted, "asked for")
    if count < FLAT_BELOW:
        return Choice(FLAT, f"{count:,} codes are gone through as fast as an index is read")
    room = machine_memory() // 2 if memory is None else memory
    exact, quarter = count * latent_size * 4, count * width(IVF_SQ8, latent_size)
    if exact <= room or quarter > room:
        return Choice(
            IVF_PQ, f"{count:,} codes are found by four bits for two numbers, and ranked by their exact {_gb(exact)}"
        )
    return Choice(
        IVF_SQ8, f"the {_gb(exact)} of {count:,} exact codes do not fit in {_gb(room)}: few of them are read a search"
    )


def factory(kind: str, count: int, latent_size: int) -> str:
    """The FAISS factory string of a kind other than flat for so many codes; any other string is one already."""
    lists = lists_for(count)
    strings = {
        HNSW: "IDMap,HNSW32",
        IVF_SQ8: f"IVF{lists},SQ8",
        # Four bits for two numbers each, compared in registers; what that loses is won back by re-ranking.
        IVF_PQ: f"IVF{lists},PQ{width(IVF_PQ, latent_size) // 2}x4fs",
    }
    string = strings.get(kind, kind)
    return string if "IVF" in string or string.startswith("IDMap") else f"IDMap,{string}"


def lists_for(count: int) -> int:
    """The number of inverted lists: the power of 2 next to 4 times the square root of the number of codes."""
    return min(LISTS_AT_MOST, 1 << max(0, round(math.log2(4 * math.sqrt(max(count, 1))))))


def width(kind: str, latent_size: int) -> int:
    """Numbers of a code inside FAISS: padded with zeros, but for factory strings, which may ask for divisors."""
    return -(-latent_size // WIDTH_STEP) * WIDTH_STEP if kind in KINDS else latent_size


def empty(kind: str, count: int, latent_size: int) -> Any:
    """A FAISS index of a kind, neither trained nor filled. Raises InputError for a string that FAISS refuses."""
    faiss = import_faiss()
    string = factory(kind, count, latent_size)
    try:
        made = faiss.index_factory(width(kind, latent_size), string)
    except RuntimeError as error:
        raise InputError(
            f"FAISS makes no index {kind!r} of {latent_size} numbers ({reason_of(error)}): name one of "
            f"{', '.join(KINDS)}, or a FAISS factory string that fits"
        ) from error
    lists = inverted_lists(made)
    if lists is not None:
        lists.cp.niter, lists.cp.max_points_per_centroid = TRAINING_ROUNDS, TRAINING_CODES_A_LIST
        lists.cp.min_points_per_centroid = 1
    return made


def reason_of(error: RuntimeError) -> str:
    """What FAISS says, without where in its source it says so."""
    return str(error).rpartition("Error: ")[2] or "it gives no reason"


def machine_memory() -> int:
    """Bytes of this machine's memory."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def check_device(device: str) -> None:
    """Raise MissingExtra where FAISS has no GPU to build on."""
    if device == "cpu":
        return
    module = import_faiss()
    if not hasattr(module, "index_cpu_to_all_gpus") or module.get_num_gpus() == 0:
        raise MissingExtra(
            "--device cuda needs a GPU and faiss-gpu: `pip uninstall faiss-cpu onnxruntime`, then `pip install "
            "'latentsearch[gpu]'`"
        )
