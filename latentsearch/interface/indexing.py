"""Add folders to an index, with the options of `Collection.add`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from indexer.errors import InputError

if TYPE_CHECKING:
    from indexer.encoders.attributes import AttributeEncoder
    from indexer.encoders.encoder import Encoder
    from indexer.index.index import Index
    from indexer.pipeline.run import IndexOptions, Summary
    from indexer.progress import StepReport


class Wanted(NamedTuple):
    """The options of `Collection.add`, under the same names."""

    labels: str | Path | None
    prune: bool | Literal["force"]
    predict_labels: bool | str | Path
    retry_failed: bool
    rehash: bool
    kind: str | None
    recall: float | None
    device: str
    memory: int | str | None


def add_folders(
    index: Index,
    encoder: Encoder,
    folders: Sequence[str | Path],
    exclude: Iterable[str],
    wanted: Wanted,
    on_progress: StepReport | None,
) -> Summary:
    """Bring an index that is open for reading up to date with folders; see `Collection.add`."""
    from indexer.files.ignore import Rules
    from indexer.index.writer import IndexWriter
    from indexer.pipeline.run import check_sources, index_scope
    from indexer.pipeline.scope import Scope

    if not folders:
        raise InputError("no folder to add: name one")
    scope, options = Scope(folders, rules=Rules(tuple(exclude))), _options(wanted)
    if index.count() == 0:
        check_sources(scope, options)
    with IndexWriter.create(index.folder, encoder) as writer:
        if on_progress is None:
            return index_scope(writer, encoder, scope, options)
        return index_scope(
            writer, encoder, scope, options, partial(on_progress, "indexing"), partial(_search_index, on_progress)
        )


def _search_index(on_progress: StepReport, step: str, done: int, total: int | None) -> None:
    on_progress(f"search index: {step}", done, total)


def _options(wanted: Wanted) -> IndexOptions:
    from indexer.pipeline.labels import LabelCache
    from indexer.pipeline.run import IndexOptions, Vectors
    from indexer.pipeline.vanished import Prune
    from indexer.system.limits import parse_size

    if wanted.prune not in (False, True, "force"):
        raise InputError(f'prune is {wanted.prune!r}: it must be False, True or "force"')
    prune = {False: Prune.NO, True: Prune.UNLESS_SUSPICIOUS, "force": Prune.FORCE}[wanted.prune]
    if wanted.device not in ("cpu", "cuda"):
        raise InputError(f'device is {wanted.device!r}: it must be "cpu" or "cuda"')
    memory = None if wanted.memory is None else parse_size(str(wanted.memory), "memory")
    return IndexOptions(
        prune,
        None if wanted.labels is None else Path(wanted.labels),
        Vectors(wanted.kind, wanted.recall, wanted.device),
        LabelCache(),
        _predictor(wanted.predict_labels),
        wanted.retry_failed,
        wanted.rehash,
        memory,
    )


def _predictor(wanted: bool | str | Path) -> AttributeEncoder | None:
    if wanted is False:
        return None
    from indexer.encoders.attributes import load_attribute_encoder

    return load_attribute_encoder(None if wanted is True else wanted)
