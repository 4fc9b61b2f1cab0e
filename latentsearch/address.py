"""The address of one picture -> its bytes: the only thing that a query fetches, and it says so.

Bytes, time and redirects are limited; nothing is sent but the request, and nothing is stored.
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

BYTES_AT_MOST = 100 * 2**20
SECONDS_TO_CONNECT, SECONDS_OF_SILENCE, SECONDS_AT_MOST = 10.0, 20.0, 60.0
REDIRECTS_AT_MOST = 5
CHUNK = 1 << 16
# Some servers refuse requests that do not say what sends them.
HEADERS = {"User-Agent": "latentsearch", "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}


def fetch_picture(address: str, report: Report | None = None) -> bytes:
    """The bytes at an http, https or file address; logs what it is going to fetch.

    Raises InputError for an address that cannot be one of a picture, UnreadableImage for a file that cannot be read or
    a web page, TransferError where a server does not give the picture within the limits.
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
    """An address without the name and password that it may hold. Raises InputError for what is no address."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InputError(f"{address} is no address ({error})") from error
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else address


def _read_local(address: str) -> bytes:
    parts = urlsplit(address)
    if parts.netloc.lower() not in ("", "localhost"):
        raise InputError(
            f"{address} is a file of another host: file addresses begin with file:/// and lead to this one"
        )
    try:
        return read_file(os.fsdecode(unquote_to_bytes(parts.path)))
    except UnreadableImage as error:
        raise UnreadableImage(f"{address}: {error}") from error


class _Transfer:
    """A download in a thread of its own, so that no server, however slow, holds up the query for long."""

    def __init__(self, address: str, report: Report | None) -> None:
        self._address, self._report = address, report
        self._ended = threading.Event()
        self._done: queue.Queue[bytes | Exception] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def result(self) -> bytes:
        """The picture's bytes, as soon as they are there. Raises TransferError or UnreadableImage."""
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

        address, credentials = _apart(self._address)
        try:
            with requests.Session() as session:
                session.max_redirects = REDIRECTS_AT_MOST
                # A function keeps requests from looking for passwords in ~/.netrc.
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
                return _unless_page(bytes(content), response)
            if len(content) > BYTES_AT_MOST:
                break
            if self._report:
                self._report(len(content), total)
        raise TransferError(f"is larger than {BYTES_AT_MOST >> 20} MiB: download the picture first")


def _unless_page(content: bytes, response: requests.Response) -> bytes:
    """Raises UnreadableImage where the server gives a page, as many do at what looks like a picture's address."""
    from indexer.decoding.file_types import identify

    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        try:
            identify(content)
        except UnreadableImage as error:
            raise UnreadableImage("a web page, not a picture: copy the address of the picture itself") from error
    return content


def _apart(address: str) -> tuple[str, tuple[str, str] | None]:
    """An address without its name and password, and these."""
    parts = urlsplit(address)
    if parts.username is None:
        return address, None
    name, password = (unquote_to_bytes(text or "").decode("latin-1") for text in (parts.username, parts.password))
    return without_credentials(address), (name, password)


def _reason(error: Exception) -> str:
    import requests

    reasons = {
        requests.TooManyRedirects: f"redirects more than {REDIRECTS_AT_MOST} times",
        requests.exceptions.InvalidSchema: "redirects to what is no web address",
        requests.exceptions.InvalidURL: "is no web address",
        requests.exceptions.MissingSchema: "redirects to what is no web address",
        requests.exceptions.SSLError: "cannot be fetched: its server's certificate cannot be verified",
        requests.ConnectTimeout: f"cannot be fetched: no connection within {SECONDS_TO_CONNECT:g} s",
        requests.ReadTimeout: f"cannot be fetched: the server is silent for {SECONDS_OF_SILENCE:g} s",
        requests.ConnectionError: "cannot be fetched: its server cannot be reached",
    }
    known = next((reason for kind, reason in reasons.items() if isinstance(error, kind)), None)
    return known or f"cannot be fetched: the server stops answering ({type(error).__name__})"
