"""A file server on loopback that can misbehave on request, and a small data set to serve."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from latentsearch.data.manifest import Manifest, parse_manifest


class Server(ThreadingHTTPServer):
    """Serves `files` by name, and records the Range header of every request."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.ranges = True
        self.status = 200
        self.content_type = "application/octet-stream"
        self.says_length = True
        self.cuts: list[int] = []  # bytes sent by the next answers before the connection closes
        self.asked: list[tuple[str, str | None]] = []
        self.sent_headers: list[dict[str, str]] = []
        self.redirects: dict[str, str] = {}
        self.endless = False  # answers continue with zeros for ever
        self.drip_seconds = 0.0  # pause between the bytes of an answer
        self.ended = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up early: the tests do so on purpose."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name, wanted = self.path.lstrip("/"), self.headers.get("Range")
        self.server.asked.append((name, wanted))
        self.server.sent_headers.append(dict(self.headers))
        if name in self.server.redirects:
            return self._redirect(self.server.redirects[name])
        content = self.server.files.get(name)
        if content is None or self.server.status != 200:
            return self.send_error(self.server.status if content is not None else 404)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", self.server.content_type)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.server.says_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else len(content)
        if self.server.drip_seconds:
            return self._drip(content)
        self.wfile.write(content[start : start + cut])
        while self.server.endless:
            self.wfile.write(bytes(1 << 16))

    def _redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.server.ended.wait(self.server.drip_seconds):
                return

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    """Serve these files while the block runs."""
    with Server(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A gzipped tar archive of these files and symbolic links."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return stream.getvalue()


def manifest_of(
    files: dict[str, bytes], *, more: dict[str, str] | None = None, urls: list[str] | None = None
) -> Manifest:
    """A manifest of the data set "tiny" with these files; `more` adds TOML lines to a file's table."""
    tables = "".join(_table(name, content, (more or {}).get(name, ""), urls) for name, content in files.items())
    return parse_manifest(
        'name = "tiny"\ntitle = "Tiny"\nsource = "https://example.org/tiny"\nlicence = "MIT"\nimages = 3\n'
        'shape = [2, 2, 1]\nby_hand = "Ask the author."\n'
        'splits = [{ name = "train", images = 2 }, { name = "test", images = 1 }]\n' + tables
    )


def _table(name: str, content: bytes, more: str, urls: list[str] | None) -> str:
    plain = gzip.decompress(content) if name.endswith(".gz") and ".tar" not in name else None
    known = f'content_bytes = {len(plain)}\ncontent_sha256 = "{hashlib.sha256(plain).hexdigest()}"\n' if plain else ""
    places = [f"{url}/{name}" for url in urls or ["http://127.0.0.1:9"]]
    return (
        f'[[files]]\nname = "{name}"\nholds = "something"\nbytes = {len(content)}\nurls = {places}\n'
        f'md5 = "{hashlib.md5(content).hexdigest()}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\n{known}{more}\n'
    )
