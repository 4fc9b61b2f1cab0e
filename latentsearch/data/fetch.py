"""Download a data set's missing files, check them and unpack them; existing files are never overwritten."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from urllib.parse import urlsplit

from indexer.errors import InputError, TransferError
from indexer.progress import StepReport
from latentsearch.data.by_hand import by_hand
from latentsearch.data.check import FileReport, check_file
from latentsearch.data.manifest import File, Manifest
from latentsearch.data.transfer import Refused, transfer
from latentsearch.data.unpack import unpack
from latentsearch.data.verify import Report, folder_of, verify

logger = logging.getLogger(__name__)

_ABSENT = {"missing", "partial"}
_PACKED = {"missing", "partial", "packed"}


def fetch(
    manifest: Manifest,
    root: Path,
    progress: StepReport,
    *,
    base_url: str | None = None,
    everything: bool = False,
) -> Report:
    """Download the missing files of a data set, unpack its archives, and verify the result. Logs title and licence.

    `base_url` replaces the publisher's servers; `everything` includes the optional files. Raises InputError if a file
    with the same name but other contents exists, the folder is not writable or `base_url` is not an HTTP address, and
    TransferError if a file cannot be downloaded or unpacked.
    """
    logger.info("%s. Licence: %s.", manifest.title, manifest.licence)
    folder = folder_of(manifest, root)
    files = manifest.files if everything else manifest.needed()
    found = [(file, check_file(manifest, file, folder)) for file in files]
    _refuse_to_overwrite(folder, found)
    absent = [file for file, report in found if report.status in _ABSENT]
    packed = [file for file, report in found if report.status in _PACKED]
    try:
        _transfer_all(manifest, root, absent, base_url, progress)
        _unpack_all(folder, packed, progress)
    except OSError as error:
        raise TransferError(f"{error.filename or folder}: {error.strerror or error}") from error
    return verify(manifest, root)


def _refuse_to_overwrite(folder: Path, found: list[tuple[File, FileReport]]) -> None:
    """Raise InputError if a file with a published name has other contents: it may be the user's own."""
    for file, report in found:
        if (folder / file.name).exists() and report.status not in {"ok", "packed", "unpacked"}:
            raise InputError(
                f"{folder / file.name} is in the way ({report.status}: {report.detail}); nothing was fetched: "
                "move it away, or fetch into another folder"
            )


def _transfer_all(
    manifest: Manifest, root: Path, files: list[File], base_url: str | None, progress: StepReport
) -> None:
    folder = folder_of(manifest, root)
    refused: dict[str, list[File]] = {}
    for file in files:
        _make_writable(folder)
        urls = _urls(file, base_url)
        if urls:
            logger.info("fetching %s from %s", file.name, " or ".join(urlsplit(url).netloc for url in urls))
        try:
            transfer(file, folder, urls, progress)
        except Refused as refusal:
            refused.setdefault(str(refusal), []).append(file)
    if refused:
        with contextlib.suppress(OSError):  # rmdir removes only an empty folder
            folder.rmdir()
        raise _cannot_fetch(manifest, root, refused)


def _cannot_fetch(manifest: Manifest, root: Path, refused: dict[str, list[File]]) -> TransferError:
    said = "; ".join(f"{', '.join(file.name for file in files)} ({reason})" for reason, files in refused.items())
    files = [file for some in refused.values() for file in some]
    return TransferError(f"could not fetch {said}. {by_hand(manifest, root, files)}")


def _make_writable(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} cannot be written to: choose another folder")


def _urls(file: File, base_url: str | None) -> tuple[str, ...]:
    if base_url is None:
        return file.urls
    if not base_url.startswith(("http://", "https://")):
        raise InputError(f"{base_url!r} is not an http or https address")
    return (f"{base_url.rstrip('/')}/{file.name}",)


def _unpack_all(folder: Path, files: list[File], progress: StepReport) -> None:
    for file in files:
        if file.unpacks_to:
            unpack(folder / file.name, file.unpacks_to, file.pictures or len(file.members), progress)
