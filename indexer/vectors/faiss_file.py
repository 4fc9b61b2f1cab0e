"""The base: a FAISS index over the codes at one moment, with the row of each code, in one immutable file.

The file holds FAISS's own data (none for the flat type, which searches the array of codes), then the row of every id's
code, then a JSON header, then a footer with lengths and a checksum of all of it. It is derived data and may be deleted
at any time. FAISS trusts what it reads, so the checksum is verified first.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from indexer.errors import DamagedIndex
from indexer.vectors.exact import import_faiss, pad

FILE_NAME = "vectors.faiss"
MAGIC = b"LSBASE02"
# Length of FAISS's data in bytes, number of ids, length of the header in bytes, checksum, magic.
FOOTER = struct.Struct("<QQQ16s8s")
NO_ROW = np.iinfo(np.uint32).max
ROW_TYPE = np.dtype("<u4")
ALIGNED, GRAPH_ENTRIES = 8, 4_096

# The index types that can be requested in place of a FAISS factory string.
AUTO, FLAT, HNSW, IVF_SQ8, IVF_PQ = INDEX_TYPES = ("auto", "flat", "hnsw", "ivf-sq8", "ivf-pq")
# Extra candidates, because re-ranking by exact codes can reorder nearly equal distances.
SPARE = 16
# Nanoseconds per code, compared exactly and in FAISS, on two AVX2 cores. Only the ratio matters; it varies little.
EXACT_COST, VISIT_COST = 50, 12

Codes = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Tuning:
    """Search parameters that reach a target recall.

    target, reached: recall@20. factor: candidates to re-rank, as a multiple of k. efforts: (k, lists to probe or graph
    entries to keep), ascending. lists: the number of inverted lists, 0 without any. most: the greatest effort.
    """

    target: float
    reached: float = 1.0
    factor: float = 1.0
    efforts: tuple[tuple[int, int], ...] = ()
    lists: int = 0
    most: int = 1

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Tuning:
        """Build a Tuning from the output of dataclasses.asdict."""
        return cls(**{**stored, "efforts": tuple((k, effort) for k, effort in stored["efforts"])})

    def candidates(self, k: int) -> int:
        """Return how many candidates to fetch for k results."""
        return math.ceil(k * self.factor) + SPARE

    def effort(self, k: float) -> int:
        """Return the effort for k results; for a filter that passes a share s of the images, call with k / s."""
        if not self.efforts:
            return self.most
        ks, efforts = np.log(np.array(self.efforts, np.float64).T)
        wanted = math.log(max(k, self.efforts[0][0]))
        if wanted <= ks[-1]:
            found = float(np.interp(wanted, ks, efforts))
        else:
            # Extrapolate beyond the last point along the last slope; a graph has one point, so in proportion to k.
            slope = (efforts[-1] - efforts[-2]) / (ks[-1] - ks[-2]) if len(ks) > 1 else 1.0
            found = efforts[-1] + slope * (wanted - ks[-1])
        return min(self.most, math.ceil(math.exp(found) - 1e-6))

    def prefers_exact(self, allowed: int, count: int, k: int) -> bool:
        """Return whether comparing every allowed code is cheaper than searching the FAISS index."""
        effort = self.effort(k * count / max(allowed, 1))
        visited = effort * count / self.lists if self.lists else 32 * effort
        return allowed * EXACT_COST <= visited * VISIT_COST


@dataclass(frozen=True)
class Header:
    """The metadata of a base: which index it belongs to, and which generation of it.

    count: number of images. rows: length of the array of codes at the time; later rows are not in the base. trained_on:
    number of images when its lists or codebooks were trained. kind: the index type. why: the reason for choosing it.
    """

    uuid: str
    generation: int
    kind: str
    why: str
    count: int
    rows: int
    width: int
    trained_on: int
    tuning: Tuning

    @classmethod
    def from_json(cls, text: bytes) -> Header:
        """Parse the output of `to_json`."""
        stored = json.loads(text)
        return cls(**{**stored, "tuning": Tuning.from_json(stored["tuning"])})

    def to_json(self) -> bytes:
        """Serialise the header as JSON."""
        return json.dumps(asdict(self)).encode()


class FaissFile:
    """One base file, mapped and verified. It never changes; a newer file replaces it."""

    def __init__(self, path: Path) -> None:
        """Map and verify a file. Raises FileNotFoundError if it is missing, DamagedIndex if it is not intact."""
        with open(path, "rb") as file:
            # This descriptor keeps referring to the verified file, even if another one takes its name.
            self._file = os.dup(file.fileno())
        status = os.fstat(self._file)
        self._identity = _identity(status)
        self._map = self._mapped(path, status.st_size)
        faiss_bytes, ids, header_bytes, checksum, magic = FOOTER.unpack(self._map[-FOOTER.size :])
        after_faiss = faiss_bytes + -faiss_bytes % ALIGNED
        after_rows = after_faiss + ids * ROW_TYPE.itemsize
        if magic != MAGIC or after_rows + header_bytes + FOOTER.size != status.st_size:
            raise DamagedIndex(f"{path} was not written whole, or by another program")
        if _checksum(memoryview(self._map)[: -FOOTER.size]) != checksum:
            raise DamagedIndex(f"{path} is damaged: its checksum does not fit")
        self._row_of_id = np.frombuffer(self._map, ROW_TYPE, ids, after_faiss)
        self.header = Header.from_json(self._map[after_rows : after_rows + header_bytes])

    def __del__(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            os.close(self._file)

    def is_still(self, path: Path) -> bool:
        """Return whether the file now at a path is the mapped one."""
        try:
            return _identity(os.stat(path)) == self._identity
        except OSError:
            return False

    @property
    def index_type(self) -> str:
        """The index type: one of INDEX_TYPES or a FAISS factory string."""
        return self.header.kind

    def rows_of(self, ids: Ids) -> Ids:
        """Return the rows of ids' codes, int64 of the same shape; -1 for ids that are not in the base."""
        if not len(self._row_of_id):
            return np.full(ids.shape, -1, np.int64)
        rows = self._row_of_id.take(ids, mode="clip").astype(np.int64)
        rows[(rows == NO_ROW) | (ids < 0) | (ids >= len(self._row_of_id))] = -1
        return rows

    @cached_property
    def ids(self) -> Ids:
        """The ids in the base, ascending, int64 (n,)."""
        return np.flatnonzero(self.holds)

    @cached_property
    def holds(self) -> NDArray[np.bool_]:
        """For every id up to the largest, whether the base holds it."""
        return np.asarray(self._row_of_id != NO_ROW)

    @cached_property
    def id_of_row(self) -> Ids:
        """The id of each row's code, int64 (rows,); -1 for a code that no longer belongs to an image."""
        found = np.full(self.header.rows, -1, np.int64)
        found[self._row_of_id[self.ids]] = self.ids
        return found

    @cached_property
    def faiss(self) -> Any:
        """The memory-mapped FAISS index. Do not add or remove codes: FAISS would abort the process."""
        module = import_faiss()
        return module.read_index(f"/dev/fd/{self._file}", module.IO_FLAG_MMAP_IFC)

    def load(self) -> Any:
        """Read the FAISS index into memory, where it can be modified."""
        return import_faiss().read_index(f"/dev/fd/{self._file}")

    def search(self, queries: Codes, wanted: int, effort: int, allowed: NDArray[np.bool_] | None = None) -> Ids:
        """Search approximately: ids of codes near each query, int64 (q, wanted), -1 where too few are found.

        queries (q, d). effort: lists to probe, or graph entries to keep. allowed: for every id up to the largest,
        whether it may be returned; None for all.
        """
        parameters = self.search_parameters(effort, allowed)
        return np.asarray(self.faiss.search(pad(queries, self.header.width), wanted, params=parameters)[1], np.int64)

    def search_parameters(self, effort: int, allowed: NDArray[np.bool_] | None = None) -> Any:
        """Return FAISS's parameters for `search`."""
        return parameters_of(self.faiss, effort, allowed)

    def _mapped(self, path: Path, size: int) -> mmap.mmap:
        if size < FOOTER.size:
            raise DamagedIndex(f"{path} was not written whole")
        return mmap.mmap(self._file, size, access=mmap.ACCESS_READ)


def write_faiss_file(path: Path, header: Header, index: Any | None, ids: Ids, rows: Ids) -> None:
    """Write a base, replacing any earlier one in one step, so that readers never see a partial file.

    index: the FAISS index, None if flat. ids, rows: int64 (n,) each, of every image. Raises OSError on a full disk.
    """
    from indexer.system.disk import atomic_write

    with atomic_write(path) as file:
        content = _Checked(file)
        if index is not None:
            module = import_faiss()
            with _os_errors_unwrapped():
                module.write_index(index, module.PyCallbackIOWriter(content.write))
        faiss_bytes = content.size
        content.write(bytes(-faiss_bytes % ALIGNED))
        row_of_id = np.full(int(ids.max()) + 1 if len(ids) else 0, NO_ROW, ROW_TYPE)
        row_of_id[ids] = rows
        content.write(row_of_id.tobytes())
        text = header.to_json()
        content.write(text)
        file.write(FOOTER.pack(faiss_bytes, len(row_of_id), len(text), content.digest(), MAGIC))


def parameters_of(index: Any, effort: int, allowed: NDArray[np.bool_] | None = None) -> Any:
    """Build FAISS's search parameters for an index of any type."""
    module = import_faiss()
    options: dict[str, Any] = {}
    if allowed is not None:
        options["sel"] = module.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    inner = module.downcast_index(index.index) if isinstance(index, module.IndexIDMap) else index
    if isinstance(inner, module.IndexPreTransform):
        below = parameters_of(module.downcast_index(inner.index), effort, allowed)
        return module.SearchParametersPreTransform(index_params=below)
    if isinstance(inner, module.IndexIVF):
        return module.SearchParametersIVF(nprobe=effort, **options)
    if isinstance(inner, module.IndexHNSW):
        return module.SearchParametersHNSW(efSearch=effort, **options)
    return module.SearchParameters(**options)


def most_effort(index: Any) -> int:
    """Return the greatest useful effort: all lists, or a graph's size beyond which exact search is as fast."""
    lists = inverted_lists(index)
    return int(lists.nlist) if lists is not None else GRAPH_ENTRIES


class _Checked:
    """Writes to a file while counting the bytes and updating a checksum."""

    def __init__(self, file: BinaryIO) -> None:
        import xxhash

        self._file, self._sum, self.size = file, xxhash.xxh3_128(), 0

    def write(self, content: bytes) -> int:
        self._sum.update(content)
        self.size += len(content)
        return self._file.write(content)

    def digest(self) -> bytes:
        return self._sum.digest()


@contextmanager
def _os_errors_unwrapped() -> Iterator[None]:
    """Raise the OSError that FAISS wraps in a RuntimeError."""
    try:
        yield
    except RuntimeError as error:  # raised by FAISS around the callback's own error
        if isinstance(error.__cause__ or error.__context__, OSError):
            raise (error.__cause__ or error.__context__) from None  # type: ignore[misc]
        raise


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _checksum(content: memoryview) -> bytes:
    import xxhash

    return xxhash.xxh3_128_digest(content)


def inverted_lists(index: Any) -> Any | None:
    """Return the inverted file inside a FAISS index, None if it has none."""
    found: Any | None = import_faiss().try_extract_index_ivf(index)
    return found
