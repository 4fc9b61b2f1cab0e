"""Bring an index up to date with folders: once, continuously, or with the pictures of another index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, Unpack

from indexer.errors import InputError
from latentsearch.interface.automatic import AUTOMATIC, encoder_for, encoder_for_scope, encoder_without_looking
from latentsearch.interface.faces import face_reading, faces_at

if TYPE_CHECKING:
    from indexer.encoders.attributes import AttributeEncoder
    from indexer.encoders.encoder import Encoder
    from indexer.index.index import Index
    from indexer.pipeline.plan import Reading
    from indexer.pipeline.run import IndexOptions
    from indexer.pipeline.scope import Scope
    from indexer.pipeline.summary import Summary
    from indexer.progress import Report, StepReport


class AddOptions(TypedDict, total=False):
    """The options of `Collection.add`, `index` and `watch`."""

    exclude: str | Iterable[str]
    labels: str | Path | None
    prune: bool | Literal["force"]
    predict_labels: bool | str | Path
    retry_failed: bool
    rehash: bool
    kind: str | None
    recall: float | None
    device: str
    memory: int | str | None
    faces: bool | str | Path


class Wanted(NamedTuple):
    """The same options with their defaults, as given."""

    exclude: str | Iterable[str] = ()
    labels: str | Path | None = None
    prune: bool | Literal["force"] = False
    predict_labels: bool | str | Path = False
    retry_failed: bool = False
    rehash: bool = False
    kind: str | None = None
    recall: float | None = None
    device: str = "cpu"
    memory: int | str | None = None
    faces: bool | str | Path = False


def index(
    *folders: str | Path,
    path: str | Path | None = None,
    encoder: str | Path | None = None,
    older: str | Path | None = None,
    on_progress: StepReport | None = None,
    **options: Unpack[AddOptions],
) -> Summary:
    """Add the pictures of folders to an index, or those of another index; the index is made if there is none.

    path: as for `create`. encoder: a name that `encoders` lists, or a folder; "auto" or None for that of an existing
    index, and for a new one, by up to 200 of its pictures, "parts" if they are aligned faces, else "photos". older: the
    folder of another index, instead of folders: its pictures are encoded, and get the labels they were given there.
    options: those of `Collection.add`. on_progress: as there.

    Decoding starts while modules are still being imported, so a first run is faster than `create` and `add`. Nothing is
    created if no folder holds a picture. Raises what `Collection.add` does, and EncoderError for another encoder.

    >>> ls.index(folder / "pictures", path=folder / "indexed", encoder="parts").found
    5
    >>> ls.index(path=folder / "indexed again", older=folder / "indexed").found
    5
    """
    from indexer.paths import locate

    location, wanted = locate(path), _checked(Wanted(**options))
    if older is not None:
        if folders:
            raise InputError("an older index goes without folders: index them afterwards")
        return _carry_over(Path(older), location, encoder, wanted, on_progress)
    scope = _scope(folders, wanted)
    with _reading_ahead(location, scope, encoder, wanted) as reading:
        loaded, chosen = _of_new_or_existing(location, encoder, scope, wanted)
        started = reading if reading is not None and reading.framing == loaded.framing else None
        return _write(location, loaded, scope, chosen, on_progress, started)


def watch(
    *folders: str | Path,
    path: str | Path | None = None,
    encoder: str | Path | None = None,
    on_batch: Callable[[Summary], None] | None = None,
    on_progress: StepReport | None = None,
    **options: Unpack[AddOptions],
) -> None:
    """Keep an index up to date with folders until Ctrl-C, which raises KeyboardInterrupt; see `index`.

    on_batch: called with a summary after the first run and after each batch of changes; an exception that it raises
    ends the watch. on_progress: for the first run. The index is locked only while it is written to.

    Raises MissingExtra without the extra `watch`, InputError if a folder does not exist or none is left.
    """
    from indexer.system.extras import require_extra

    require_extra("watch", "watchfiles")
    from indexer.paths import locate

    location, wanted = locate(path), _checked(Wanted(**options))
    scope = _scope(folders, wanted)
    loaded, chosen = _of_new_or_existing(location, encoder, scope, wanted, may_be_empty=True)
    from indexer.watch.live_index import LiveIndex

    show = on_batch or (lambda summary: None)
    LiveIndex(location, loaded, folders, chosen, show, *_reports(on_progress), rules=scope.rules).run()


def add_folders(
    index: Index, encoder: Encoder, folders: Sequence[str | Path], wanted: Wanted, on_progress: StepReport | None
) -> Summary:
    """Bring an index that is open for reading up to date with folders; see `Collection.add`."""
    from indexer.pipeline.run import check_sources

    scope, chosen = _scope(folders, _checked(wanted)), _chosen(wanted, index.metadata.faces)
    if index.count() == 0:
        check_sources(scope, chosen)
    return _write(index.folder, encoder, scope, chosen, on_progress)


def _of_new_or_existing(
    location: Path, encoder: str | Path | None, scope: Scope, wanted: Wanted, may_be_empty: bool = False
) -> tuple[Encoder, IndexOptions]:
    """Return the encoder and the options of a run; for a new index, check the folders before anything is created."""
    from indexer.index.index import Index
    from indexer.pipeline.run import check_sources

    loaded = encoder_without_looking(location, encoder)
    chosen = _chosen(wanted, faces_at(location))
    if not Index.exists(location):
        check_sources(scope, chosen, may_be_empty)
    return loaded or encoder_for(location, encoder_for_scope(scope, _bytes(wanted.memory))), chosen


def _reading_ahead(
    location: Path, scope: Scope, encoder: str | Path | None, wanted: Wanted
) -> AbstractContextManager[Reading | None]:
    """Start decoding the pictures of a new index while the other modules are imported; None for an existing index."""
    from indexer.paths import CATALOGUE

    if (location / CATALOGUE).exists():
        return nullcontext()
    from indexer.encoders.encoder import find_bundle, read_model
    from indexer.encoders.framing import Framing
    from indexer.files.passed import Passed
    from indexer.pipeline.plan import Plan, Reading

    passed = Passed()
    framing = Framing.from_json(read_model(find_bundle(None if encoder == AUTOMATIC else encoder))["framing"])
    faces = face_reading(wanted.faces, {})
    if faces is not None:
        framing = faces.framing(framing)
    return Reading(scope.files(passed), framing, Plan(passed=passed), _bytes(wanted.memory))


def _carry_over(
    older: Path, location: Path, encoder: str | Path | None, wanted: Wanted, on_progress: StepReport | None
) -> Summary:
    """Index the pictures of another index, and copy their labels."""
    from indexer.index.index import Index
    from indexer.pipeline.re_encode import scope_of

    if wanted.prune or wanted.exclude:
        raise InputError("an older index goes without prune and exclude: index the folders afterwards")
    loaded = encoder_without_looking(location, encoder)
    chosen = _chosen(wanted, faces_at(location))
    if older.resolve() == location.resolve():
        raise InputError(f"{older} is the index itself: name another folder for the new one")
    with Index.open(older) as opened:
        scope = scope_of(opened)
        loaded = loaded or encoder_for(location, encoder_for_scope(scope, _bytes(wanted.memory)))
        return _write(location, loaded, scope, chosen, on_progress, older=opened)


def _write(
    location: Path,
    encoder: Encoder,
    scope: Scope,
    chosen: IndexOptions,
    on_progress: StepReport | None,
    reading: Reading | None = None,
    older: Index | None = None,
) -> Summary:
    """Open the index for writing and run; copy the labels of an older index."""
    from indexer.index.writer import IndexWriter
    from indexer.pipeline.run import index_scope

    with IndexWriter.create(location, encoder) as writer:
        summary = index_scope(writer, encoder, scope, chosen, *_reports(on_progress), reading)
        if older is not None:
            from indexer.pipeline.re_encode import carry_labels

            if missing := carry_labels(older, writer):
                from logging import getLogger

                getLogger(__name__).warning("%d pictures of the older index are gone or cannot be used", missing)
    return summary


def _reports(on_progress: StepReport | None) -> tuple[Report | None, StepReport | None]:
    """Return the callbacks for a run and for the building of its search index."""
    if on_progress is None:
        return None, None

    def show_base(step: str, done: int, total: int | None) -> None:
        on_progress(f"search index: {step}", done, total)

    return partial(on_progress, "indexing"), show_base


def _checked(wanted: Wanted) -> Wanted:
    """Raise InputError for an unknown value of an option."""
    if wanted.prune not in (False, True, "force"):
        raise InputError(f'prune is {wanted.prune!r}: it must be False, True or "force"')
    if wanted.device not in ("cpu", "cuda"):
        raise InputError(f'device is {wanted.device!r}: it must be "cpu" or "cuda"')
    _bytes(wanted.memory)
    return wanted


def _scope(folders: Sequence[str | Path], wanted: Wanted) -> Scope:
    from indexer.files.ignore import Rules
    from indexer.pipeline.scope import Scope

    if not folders:
        raise InputError("no folder to add: name one")
    return Scope(folders, rules=Rules((wanted.exclude,) if isinstance(wanted.exclude, str) else tuple(wanted.exclude)))


def _chosen(wanted: Wanted, faces: dict[str, Any]) -> IndexOptions:
    """Return the options of a run. faces: what the index knows of its faces."""
    from indexer.pipeline.labels import LabelCache
    from indexer.pipeline.run import IndexOptions, Vectors
    from indexer.pipeline.vanished import Prune

    return IndexOptions(
        {False: Prune.NO, True: Prune.UNLESS_SUSPICIOUS, "force": Prune.FORCE}[wanted.prune],
        None if wanted.labels is None else Path(wanted.labels),
        Vectors(wanted.kind, wanted.recall, wanted.device),
        LabelCache(),
        _predictor(wanted.predict_labels),
        wanted.retry_failed,
        wanted.rehash,
        _bytes(wanted.memory),
        face_reading(wanted.faces, faces),
    )


def _bytes(memory: int | str | None) -> int | None:
    from indexer.system.limits import parse_size

    return None if memory is None else parse_size(str(memory), "memory")


def _predictor(wanted: bool | str | Path) -> AttributeEncoder | None:
    if wanted is False:
        return None
    from indexer.encoders.attributes import load_attribute_encoder

    return load_attribute_encoder(None if wanted is True else wanted)
