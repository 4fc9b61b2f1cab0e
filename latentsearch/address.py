"""Download the picture at a URL: the only network access that a query makes, and it is logged.

Size, time and redirects are limited. Only the request is sent, and nothing is stored on disk.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from indexer.decoding.decode import read_file
from indexer.errors import InputError, TransferError, UnreadableImage
from indexer.progress import Report

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

# Limits of one download: 100 MiB, 10 s to connect, 20 s without a byte, 60 s in all.
BYTES_AT_MOST = 100 * 2**20
SECONDS_TO_CONNECT, SECONDS_OF_SILENCE, SECONDS_AT_MOST = 10.0, 20.0, 60.0
REDIRECTS_AT_MOST = 5
CHUNK = 1 << 16  # bytes
# Some servers refuse requests without a User-Agent. "identity" keeps servers from compressing pictures again.
HEADERS = {"User-Agent": "latentsearch", "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}


def fetch_picture(address: str, report: Report | None = None) -> bytes:
    """Return the bytes at an http, https or file URL, after logging the URL.

    Raises InputError for a malformed URL or another scheme, UnreadableImage for a file that cannot be read or a web
    page instead of a picture, and TransferError when the download fails or exceeds a limit.
    """
    shown = without_credentials(address)
    scheme = urlsplit(address).scheme.lower()
    if scheme == "file":
        logger.info("reading %s", shown)
        return _read_local(address)
    if scheme not in ("http", "https"):
        raise InputError(f"{shown}: only https, http and file addresses can be fetched: download the picture first")
    logger.info("fetching %s (this one picture; nothing is sent but the request)", shown)
    transfer = _Transfer(address, report)
    try:
        return transfer.result()
    except TransferError as error:
        raise TransferError(f"{shown} {error}") from error
    except UnreadableImage as error:
        raise UnreadableImage(f"{shown}: {error}") from error


def without_credentials(address: str) -> str:
    """Return a URL with its user name and password removed. Raises InputError for a malformed URL."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InputError(f"{address} is not a valid address ({error})") from error
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else address


def _read_local(address: str) -> bytes:
    parts = urlsplit(address)
    if parts.netloc.lower() not in ("", "localhost"):
        raise InputError(
            f"{address} names a file on another host: file addresses begin with file:/// and name files on this one"
        )
    try:
        return read_file(os.fsdecode(unquote_to_bytes(parts.path)))
    except UnreadableImage as error:
        raise UnreadableImage(f"{address}: {error}") from error


class _Transfer:
    """Downloads in a thread of its own, so that a slow server cannot delay the query beyond SECONDS_AT_MOST."""

    def __init__(self, address: str, report: Report | None) -> None:
        self._address, self._report = address, report
        self._ended = threading.Event()
        self._done: queue.Queue[bytes | Exception] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def result(self) -> bytes:
        """Wait for the download and return its bytes. Raises TransferError or UnreadableImage."""
        try:
            result = self._done.get(timeout=SECONDS_AT_MOST)
        except queue.Empty:
            raise TransferError(f"has not come within {SECONDS_AT_MOST:g} s: download the picture first") from None
        finally:
            self._ended.set()
        if isinstance(result, Exception):
            raise result
        return result

    def _run(self) -> None:
        try:
            self._done.put(self._receive())
        except Exception as error:
            self._done.put(error)

    def _receive(self) -> bytes:
        import requests
        from urllib3.exceptions import HTTPError

        address, credentials = _split_credentials(self._address)
        try:
            with requests.Session() as session:
                session.max_redirects = REDIRECTS_AT_MOST
                # If `auth` is set, even to a function that does nothing, requests does not read ~/.netrc.
                session.auth = credentials or (lambda request: request)
                timeout = (SECONDS_TO_CONNECT, SECONDS_OF_SILENCE)
                with session.get(address, headers=HEADERS, stream=True, timeout=timeout) as response:
                    return self._content(response)
        except (requests.RequestException, HTTPError) as error:
            raise TransferError(_reason(error)) from error

    def _content(self, response: requests.Response) -> bytes:
        if response.status_code != 200:
            raise TransferError(f"cannot be fetched: the server answers {response.status_code} {response.reason}")
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        content = bytearray()
        while total is None or total <= BYTES_AT_MOST:
            chunk = response.raw.read(CHUNK, decode_content=True)
            content += chunk
            if not chunk or self._ended.is_set():
                return _checked(bytes(content), response)
            if len(content) > BYTES_AT_MOST:
                break
            if self._report:
                self._report(len(content), total)
        raise TransferError(f"is larger than {BYTES_AT_MOST >> 20} MiB: download the picture first")


def _checked(content: bytes, response: requests.Response) -> bytes:
    """Return the content; raise UnreadableImage if it is an HTML page, as many URLs that end in .jpg are."""
    from indexer.decoding.file_types import identify

    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        try:
            identify(content)
        except UnreadableImage as error:
            raise UnreadableImage("a web page, not a picture: copy the address of the picture itself") from error
    return content


def _split_credentials(address: str) -> tuple[str, tuple[str, str] | None]:
    """Split a URL into the URL without credentials and the (user name, password), None if it has none."""
    parts = urlsplit(address)
    if parts.username is None:
        return address, None
    name, password = (unquote_to_bytes(text or "").decode("latin-1") for text in (parts.username, parts.password))
    return without_credentials(address), (name, password)


def _reason(error: Exception) -> str:
    import requests

    reasons = {
        requests.TooManyRedirects: f"redirects more than {REDIRECTS_AT_MOST} times",
        requests.exceptions.InvalidSchema: "redirects to an address that is not http or https",
        requests.exceptions.InvalidURL: "is not a valid web address",
        requests.exceptions.MissingSchema: "redirects to an address that is not http or https",
        requests.exceptions.SSLError: "cannot be fetched: its server's certificate cannot be verified",
        requests.ConnectTimeout: f"cannot be fetched: no connection within {SECONDS_TO_CONNECT:g} s",
        requests.ReadTimeout: f"cannot be fetched: the server is silent for {SECONDS_OF_SILENCE:g} s",
        requests.ConnectionError: "cannot be fetched: its server cannot be reached",
    }
    known = next((reason for cause, reason in reasons.items() if isinstance(error, cause)), None)
    return known or f"cannot be fetched: the server stops answering ({type(error).__name__})"
