"""`latentsearch query https://…` and `file://…`: one picture is fetched, within limits, and said to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from latentsearch import address
from tests.latentsearch.collection import Collection, assert_fails, make_collection
from tests.latentsearch.loopback import Server, serving
from tests.support import draw_picture

PAGE = "<!doctype html><html><body>a page — with a picture</body></html>".encode()


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("collection"))


@pytest.fixture
def server(collection: Collection) -> Iterator[Server]:
    """Serves the collection's pictures as 1.jpg to 12.jpg, and a page."""
    files = {f"{number}.jpg": path.read_bytes() for number, path in enumerate(collection.pictures, 1)}
    with serving({**files, "page": PAGE}) as server:
        yield server


def assert_refused(result: Result, status: int, *parts: str) -> None:
    """After the sentence that says what is fetched, one says why it could not be."""
    first, second = result.stderr.splitlines()
    assert first.startswith(("latentsearch: fetching http", "latentsearch: reading file:"))
    assert (result.exit_code, result.stdout) == (status, "")
    assert second.startswith("latentsearch: ") and all(part in second for part in parts), second


def test_a_picture_is_fetched_by_its_address_and_the_request_is_all_that_is_sent(
    collection: Collection, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.content_type = "text/plain"
    url = f"{server.url}/5.jpg"
    result = collection.query(url, "--json", "-k", "12")
    assert result.stderr == f"latentsearch: fetching {url} (this one picture; nothing is sent but the request)\n"
    answer = json.loads(result.stdout)
    assert answer["query"] == url
    assert answer["results"] == collection.json(collection.pictures[4])["results"]
    assert [name for name, _ in server.asked] == ["5.jpg"]
    assert not {"Authorization", "Cookie", "Referer"} & set(server.sent_headers[0])


def test_addresses_go_with_files_minus_exclude_self_batch_and_the_sheet(
    collection: Collection, server: Server, tmp_path: Path
) -> None:
    first, second, third, *_ = collection.pictures
    urls = [f"{server.url}/{number}.jpg" for number in (1, 2, 3)]
    assert collection.ids(urls[0], second, "--minus", urls[2]) == collection.ids(first, second, "--minus", third)
    server.asked.clear()
    answer = collection.json(urls[0], urls[1], urls[0], "--minus", urls[2])
    assert (answer["query"], answer["minus"]) == ([urls[0], urls[1], urls[0]], [urls[2]])
    assert len(server.asked) == 3
    assert 1 not in collection.ids(urls[0], "--exclude-self")
    assert collection.query(urls[0], "-k", "3", "--sheet", tmp_path / "a.png").exit_code == 0
    assert collection.query(first, "-k", "3", "--sheet", tmp_path / "b.png").exit_code == 0
    with Image.open(tmp_path / "a.png") as by_address, Image.open(tmp_path / "b.png") as by_path:
        assert by_address.tobytes() == by_path.tobytes()
    rows = [
        collection.query("--batch", first.parent, "--minus", name, "--paths", "-k", "2") for name in (urls[2], third)
    ]
    assert rows[0].exit_code == 0 and rows[0].stdout == rows[1].stdout


def test_redirects_are_followed_to_web_addresses_alone_and_not_for_ever(collection: Collection, server: Server) -> None:
    server.redirects = {
        "moved": f"{server.url}/2.jpg",
        "loop": "/loop",
        "file": "file:///etc/passwd",
        "ftp": "ftp://x/",
    }
    assert collection.ids(f"{server.url}/moved") == collection.ids(collection.pictures[1])
    assert_refused(collection.query(f"{server.url}/loop"), 10, "/loop redirects more than 5 times")
    for name in ("file", "ftp"):
        assert_refused(
            collection.query(f"{server.url}/{name}"), 10, "redirects to an address that is not http or https"
        )


def test_what_a_server_does_not_give_is_one_sentence(collection: Collection, server: Server) -> None:
    assert_refused(collection.query(f"{server.url}/none.jpg"), 10, f"{server.url}/none.jpg ", "answers 404 Not Found")
    server.cuts = [100]
    assert_refused(collection.query(f"{server.url}/1.jpg"), 10, "stops answering")
    assert_refused(collection.query("http://127.0.0.1:9/a.jpg"), 10, "http://127.0.0.1:9/a.jpg ", "cannot be reached")
    assert_refused(collection.query("https:///a.jpg"), 10, "https:///a.jpg is not a valid web address")


def test_what_is_no_picture_is_one_sentence(collection: Collection, server: Server) -> None:
    assert_refused(collection.query(f"{server.url}/page"), 3, f"{server.url}/page: ", "not a picture in a known format")
    server.content_type = "text/html; charset=utf-8"
    assert_refused(collection.query(f"{server.url}/page"), 3, "a web page, not a picture")
    assert collection.query(f"{server.url}/1.jpg").exit_code == 0


@pytest.mark.parametrize("says_length", [True, False])
def test_a_body_that_is_too_large_is_refused(
    collection: Collection, server: Server, monkeypatch: pytest.MonkeyPatch, says_length: bool
) -> None:
    monkeypatch.setattr(address, "BYTES_AT_MOST", 2**20)
    server.files["large.jpg"] = bytes(2**20 + 1)
    server.says_length, server.endless = says_length, not says_length
    assert_refused(collection.query(f"{server.url}/large.jpg"), 10, "is larger than 1 MiB")


@pytest.mark.parametrize(
    ("limit", "reason"), [("SECONDS_AT_MOST", "has not come within 0.4 s"), ("SECONDS_OF_SILENCE", "stops answering")]
)
def test_a_server_that_is_too_slow_is_left(
    collection: Collection, server: Server, monkeypatch: pytest.MonkeyPatch, limit: str, reason: str
) -> None:
    monkeypatch.setattr(address, limit, 0.4)
    server.drip_seconds = 0.1 if limit == "SECONDS_AT_MOST" else 30
    assert_refused(collection.query(f"{server.url}/1.jpg"), 10, reason)


def test_a_file_address_is_read_here_and_only_here(collection: Collection, tmp_path: Path) -> None:
    odd = tmp_path / "a ü?#%.jpg"
    odd.write_bytes(collection.pictures[2].read_bytes())
    result = collection.query(odd.as_uri(), "--json", "-k", "5")
    assert result.stderr == f"latentsearch: reading {odd.as_uri()}\n"
    assert json.loads(result.stdout)["query"] == odd.as_uri()
    assert collection.ids(odd.as_uri()) == collection.ids(odd)
    assert collection.ids(f"file://localhost{collection.pictures[0]}") == collection.ids(collection.pictures[0])
    assert 3 not in collection.ids(odd.as_uri(), "--exclude-self")
    assert_refused(collection.query("file:///nowhere/a.jpg"), 3, "file:///nowhere/a.jpg: no such file")
    assert_refused(collection.query("file:///a%00b"), 3, "file:///a%00b: ")
    assert_refused(collection.query("file://server/share/a.jpg"), 2, "a file on another host")


def test_other_addresses_are_refused_and_credentials_are_not_shown(collection: Collection, server: Server) -> None:
    assert_fails(collection.query("ftp://host/a.jpg"), 2, "ftp://host/a.jpg: only https, http and file addresses")
    with_password = server.url.replace("//", "//me:s%C3%A9cret@")
    result = collection.query(f"{with_password}/1.jpg")
    assert result.exit_code == 0 and "cret" not in result.stderr
    assert server.sent_headers[0]["Authorization"].startswith("Basic ")
    assert "cret" not in collection.query(f"{with_password}/none.jpg").stderr
    assert_fails(collection.query("http://[::1"), 2, "http://[::1 is not a valid address")


def test_nothing_is_fetched_for_a_query_that_is_refused(collection: Collection, server: Server) -> None:
    assert collection.query(f"{server.url}/1.jpg", "-k", "0").exit_code == 2
    assert collection.query(f"{server.url}/1.jpg", "nowhere.jpg").exit_code == 2
    assert server.asked == []


def test_a_drawn_picture_of_any_suffix(collection: Collection, server: Server, tmp_path: Path) -> None:
    draw_picture(77).save(tmp_path / "drawn.png")
    server.files["drawn"] = (tmp_path / "drawn.png").read_bytes()
    assert collection.ids(f"{server.url}/drawn") == collection.ids(tmp_path / "drawn.png")
