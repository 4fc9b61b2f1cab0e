"""Download one file over HTTP and resume interrupted downloads; pooch checks the hash and moves the file into place."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from indexer.progress import StepReport
from latentsearch.data.manifest import File

CHUNK = 1 << 20
TIMEOUT_S = (10, 60)  # seconds to connect, seconds between two chunks
HASH_ORDER = ("sha256", "md5")


class Refused(Exception):
    """The server does not provide the file; another server may."""


class BrokeOff(Exception):
    """The connection ended before the file was complete; the bytes received so far are kept."""


@dataclass
class Resuming:
    """A downloader for pooch that keeps received bytes in NAME.part and requests only the remaining ones."""

    file: File
    part: Path
    progress: StepReport
    resumed: bool = False

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download the file to output_file; raises Refused or BrokeOff."""
        self.resumed = self.received() > 0
        if self.file.bytes is None or self.received() != self.file.bytes:
            self._receive(url)
        os.replace(self.part, output_file)

    def received(self) -> int:
        """Return the number of bytes received so far, by this and earlier runs."""
        return self.part.stat().st_size if self.part.exists() else 0

    def _receive(self, url: str) -> None:
        try:
            with self._ask(url, self.received()) as response:
                self._store(response)
        except (requests.RequestException, HTTPError) as error:
            raise BrokeOff(f"cannot be reached or stops answering ({type(error).__name__})") from error

    def _ask(self, url: str, start: int) -> requests.Response:
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
        response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S)
        if response.status_code == 416:  # range not satisfiable: the partial file is longer than the server's file
            response.close()
            self.part.unlink()
            return self._ask(url, 0)
        return response

    def _store(self, response: requests.Response) -> None:
        start = _start(response)
        total = _total(response, start)
        self._require_the_file(response, start, total)
        self.resumed = start > 0
        with self.part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            stream.truncate()
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                stream.write(chunk)
                self.progress(self.file.name, stream.tell(), total)
        if total is not None and self.received() < total:
            raise BrokeOff("closes the connection early")

    def _require_the_file(self, response: requests.Response, start: int, total: int | None) -> None:
        if response.status_code not in (200, 206) or start > self.received():
            raise Refused(f"answers {response.status_code} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise Refused("answers with a web page instead of the file")
        if None not in (total, self.file.bytes) and total != self.file.bytes:
            raise Refused(f"offers {total:,} bytes where {self.file.bytes:,} were published")


def transfer(file: File, folder: Path, urls: tuple[str, ...], progress: StepReport) -> None:
    """Download a file into folder from the first server that provides it; raises Refused with each server's reason."""
    reasons = []
    for url in urls:
        try:
            return _transfer_from(url, file, folder, progress)
        except Refused as refusal:
            reasons.append(f"{urlsplit(url).netloc} {refusal}")
    raise Refused("; ".join(reasons))


def _transfer_from(url: str, file: File, folder: Path, progress: StepReport) -> None:
    """Retry one server as long as each attempt receives more bytes."""
    downloader = Resuming(file, folder / f"{file.name}.part", progress)
    while True:
        before = downloader.received()
        try:
            return _retrieve(url, file, folder, downloader)
        except BrokeOff as error:
            if downloader.received() <= before:
                raise Refused(f"sends {before:,} bytes and no more: {error}" if before else str(error)) from error
        except ValueError as error:  # pooch found another hash and deleted the file
            if not downloader.resumed:
                raise Refused(f"sends another file: its {_known_hash(file)[0]} is not the published one") from error


def _retrieve(url: str, file: File, folder: Path, downloader: Resuming) -> None:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    known = ":".join(_known_hash(file))
    pooch.retrieve(url, known_hash=known, fname=file.name, path=folder, downloader=downloader)


def _known_hash(file: File) -> tuple[str, str]:
    algorithm = next(algorithm for algorithm in HASH_ORDER if algorithm in file.hashes)
    return algorithm, file.hashes[algorithm]


def _start(response: requests.Response) -> int:
    """Return the offset in bytes at which the response starts: 0 unless the server honours the Range header."""
    stated = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(stated[1]) if stated and response.status_code == 206 else 0


def _total(response: requests.Response, start: int) -> int | None:
    """Return the length of the whole file in bytes, or None if the server does not state it."""
    length = response.headers.get("Content-Length")
    return start + int(length) if length is not None else None
