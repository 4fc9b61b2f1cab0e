"""Files -> decoded chunks, read ahead of whoever takes them.

Like what it is made of, it imports no catalogue: what a first run finds is decoded while the rest is imported.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from indexer.decoding.framing import Framing
from indexer.files.discover import Found, Problem
from indexer.pipeline.plan import Plan
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import DecodedChunk


class Reading:
    """A plan, and the workers that decode what it leaves, at work from `with` on.

    plan: knows nothing unless one is given that does. began: when, by time.perf_counter. memory: as
    DecodingPool has it.
    """

    def __init__(
        self, files: Iterable[Found | Problem], framing: Framing, plan: Plan | None = None, memory: int | None = None
    ) -> None:
        self.began = time.perf_counter()
        self.plan = plan or Plan()
        self._ended = threading.Event()
        self._pool = DecodingPool(framing, self.plan.chunks(files, self._ended), memory=memory)

    def __enter__(self) -> Self:
        self._pool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._pool.__exit__(kind, error, trace)

    def results(self) -> Iterator[DecodedChunk | None]:
        """As a stage gives them."""
        return self._pool.results()
