"""Search with every picture of a folder, and return the answers in the order of the folder's listing.

As in indexing, worker processes decode ahead and threads encode, so a picture that crashes its decoder affects no
other. Pictures are searched for in chunks of AT_ONCE.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import Encoder
from indexer.errors import InputError
from indexer.files.discover import Found, Problem, discover
from indexer.index.index import Index
from indexer.paths import printable
from indexer.pipeline.encoding import NO_CODE, EncodedChunk, EncodingPool
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import Job, Outcome
from latentsearch.attributes.learned import load_or_learn
from latentsearch.attributes.redraw import editing_encoder
from latentsearch.query import Answer, Options, Query, Results, Stopwatch, Timings, Unreadable
from latentsearch.search.ranking import Excluded, Finder, ids_at
from latentsearch.search.search import combined, minus_codes, minus_names

# Pictures decoded, encoded and searched for as one chunk.
AT_ONCE = 32


class FolderSearch:
    """Searches an open index with every picture of a folder; iterates over the answers.

    subtracted: a query; only its `minus`, `minus_ids` and `minus_codes` are used. The caller has checked it and the
    options. watch: a stopwatch with the time spent on loading. label_names: all labels of the index.
    matching: how many pictures of the index satisfy the conditions; None without conditions.
    A picture of the folder that cannot be read yields Unreadable. Otherwise raises what
    `latentsearch.search.search.search_in` raises, and InputError for a folder that does not exist or holds no picture.
    """

    def __init__(
        self, index: Index, encoder: Encoder, folder: Path, options: Options, subtracted: Query, watch: Stopwatch
    ) -> None:
        _require_pictures(folder)
        self._folder, self._options = folder, options
        self._index, self._encoder, self._watch = index, encoder, watch
        self._names = minus_names(subtracted, index)
        self._minus = minus_codes(subtracted, index, encoder)
        edited = load_or_learn(() if options.drawn_anew else options.changes, index)
        self._finder = Finder(index, encoder, options, watch, edited)
        self._reader = editing_encoder(encoder, options)
        self.label_names = index.catalog.labels.names()
        self.matching = self._finder.matching

    def __iter__(self) -> Iterator[Answer]:
        order = _Order()
        files = order.noting(discover([self._folder]))
        with (
            DecodingPool(self._reader.framing, _chunks(files)) as decoding,
            EncodingPool(self._reader, decoding.results()) as encoding,
        ):
            for encoded in encoding.results():
                if encoded is not None:
                    for outcome, answer in self._answers(encoded):
                        order.answered[outcome.job.path] = answer
                yield from order.next_answers()
        yield from order.next_answers()

    def _answers(self, encoded: EncodedChunk) -> Iterator[tuple[Outcome, Answer]]:
        decoded, watch = encoded.decoded, Stopwatch()
        watch.add("encode", encoded.seconds)
        readable = [outcome for outcome in decoded.outcomes if not outcome.reason]
        asked: list[tuple[Outcome, NDArray[np.float32]]] = []
        for outcome, code in zip(readable, encoded.codes, strict=True):
            if not np.isfinite(code).all():
                yield outcome, Unreadable(outcome.job.path, NO_CODE)
                continue
            try:
                asked.append((outcome, combined(code[None], self._minus, self._encoder.distance)))
            except InputError as error:
                yield outcome, Unreadable(outcome.job.path, str(error))
        for outcome in decoded.outcomes:
            if outcome.reason:
                yield outcome, Unreadable(outcome.job.path, outcome.reason)
        if asked:
            yield from self._searched(asked, watch)

    def _searched(
        self, asked: Sequence[tuple[Outcome, NDArray[np.float32]]], watch: Stopwatch
    ) -> Iterator[tuple[Outcome, Results]]:
        with watch.stage("search"):
            themselves = [self._itself(outcome) for outcome, _ in asked]
            found = self._finder.hits(np.stack([code for _, code in asked]), themselves)
        took = self._took(watch, len(asked))
        name, index = self._encoder.name, str(self._index.folder)
        for (outcome, _), hits in zip(asked, found, strict=True):
            query = (outcome.job.path,)
            yield (
                outcome,
                Results(
                    query,
                    name,
                    index,
                    took,
                    hits,
                    self._names,
                    self.matching,
                    self._options.diverse,
                    tuple(map(str, self._options.changes)),
                    sort=self._options.sort,
                    cutoff=self._finder.cutoff,
                ),
            )

    def _itself(self, outcome: Outcome) -> Excluded:
        if not self._options.exclude_self:
            return Excluded()
        return Excluded(frozenset(ids_at(outcome.job.path, self._index)), frozenset([outcome.digest]))

    def _took(self, watch: Stopwatch, count: int) -> Timings:
        """Return the time spent on opening, plus one picture's share of the time spent on its chunk."""
        shares = {stage: round(spent / count, 2) for stage, spent in watch.spent.items() if stage != "load"}
        return Timings(**{**self._watch.took().__dict__, **shares})


def _require_pictures(folder: Path) -> None:
    """Raise InputError for a folder that does not exist or holds no picture."""
    if next(discover([folder]), None) is None:
        raise InputError(f"no pictures in {printable(folder)}")


class _Order:
    """Puts answers, which arrive in any order, back into the order in which the files were listed."""

    def __init__(self) -> None:
        self.answered: dict[str, Answer] = {}
        self._listed: deque[str] = deque()

    def noting(self, files: Iterable[Found | Problem]) -> Iterator[Found]:
        """Yield the files that can be tried; answer the others with Unreadable."""
        for file in files:
            if isinstance(file, Problem):
                self.answered[file.path] = Unreadable(file.path, file.reason)
            self._listed.append(file.path)
            if isinstance(file, Found):
                yield file

    def next_answers(self) -> Iterator[Answer]:
        """Yield the answers for which no earlier file is still pending."""
        while self._listed and self._listed[0] in self.answered:
            yield self.answered.pop(self._listed.popleft())


def _chunks(files: Iterator[Found]) -> Iterator[list[Job]]:
    while chunk := [
        Job(file.path, file.size, file.mtime_ns, unless_sheet=not file.is_asked_for) for file in islice(files, AT_ONCE)
    ]:
        yield chunk
