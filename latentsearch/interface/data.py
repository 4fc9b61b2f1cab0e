"""List, fetch and verify public data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.progress import StepReport
    from latentsearch.data.manifest import Manifest
    from latentsearch.data.verify import Report


def data_sets() -> list[Manifest]:
    """List the known data sets: name, title, source, licence, images (their number), splits, labels and files.

    >>> [known.name for known in ls.data_sets() if known.images == 70_000]
    ['fashion-mnist', 'mnist']
    """
    from latentsearch.data.manifest import load_manifest, manifest_names

    return [load_manifest(name) for name in manifest_names()]


def fetch_data(
    name: str,
    root: str | Path,
    *,
    base_url: str | None = None,
    everything: bool = False,
    on_progress: StepReport | None = None,
) -> Report:
    """Download the missing files of a data set to root/NAME, check and unpack them; existing files stay as they are.

    root: the folder for data sets, or one that is called NAME or holds a file of it. base_url: a server to fetch every
    file from by name, instead of the publisher's. everything: fetch the optional files, too. on_progress: called with
    a file's name, the bytes (or files unpacked) so far and their total. An interrupted transfer continues.

    Returns the report of `verify_data`. Raises InputError for an unknown name, a folder that cannot be written to, and
    another file in the way, TransferError for a failed download or a wrong hash.
    """
    from latentsearch.data.fetch import fetch
    from latentsearch.data.manifest import load_manifest

    return fetch(load_manifest(name), Path(root), on_progress or _ignore, base_url=base_url, everything=everything)


def verify_data(name: str, root: str | Path) -> Report:
    """Check every file of a data set below root by size and hash; writes nothing.

    Returns a report: folder, state ("complete", "partial", "damaged", "missing", or "synthetic" for data without
    files), summary (a sentence), files (each with name, status and detail) and pictures (their counts, or None).
    Raises InputError for an unknown name.

    >>> ls.verify_data("mnist", folder).state
    'missing'
    """
    from latentsearch.data.manifest import load_manifest
    from latentsearch.data.verify import verify

    return verify(load_manifest(name), Path(root))


def _ignore(what: str, done: int, total: int | None) -> None:
    pass
