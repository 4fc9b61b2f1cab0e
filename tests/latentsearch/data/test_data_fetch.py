"""Transfers from a server on loopback: whole, broken off, resumed, refused, wrong; unpacking stays in its folder."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.errors import InputError, TransferError
from latentsearch.cli import main
from latentsearch.data import Manifest, Report
from latentsearch.data.fetch import fetch
from tests.latentsearch.loopback import Server, manifest_of, serving, tarred, zipped

CONTENT = random.Random(0).randbytes(3_000_000)
UNPACKS = 'unpacks_to = "pictures"\npictures = 3'
PICTURES = {f"pictures/{number}.jpg": bytes([number]) * 100 for number in range(3)}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving({"a.bin": CONTENT}) as server:
        yield server


def bring(manifest: Manifest, root: Path, server: Server) -> Report:
    return fetch(manifest, root, lambda what, done, total: None, base_url=server.url)


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_file_is_fetched_once_and_checked(tmp_path: Path, server: Server) -> None:
    manifest = manifest_of({"a.bin": CONTENT})
    seen: list[tuple[str, int, int | None]] = []
    report = fetch(manifest, tmp_path, lambda *step: seen.append(step), base_url=f"{server.url}/")
    assert report.state == "complete" and report.folder == tmp_path / "tiny"
    assert (tmp_path / "tiny" / "a.bin").read_bytes() == CONTENT
    assert seen[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    assert bring(manifest, tmp_path, server).state == "complete"
    assert server.asked == [("a.bin", None)]
    assert tree(tmp_path) == ["tiny/a.bin"]


def test_a_broken_transfer_asks_for_the_rest_only(tmp_path: Path, server: Server) -> None:
    server.cuts = [1_200_000, 700_000]
    assert bring(manifest_of({"a.bin": CONTENT}), tmp_path, server).state == "complete"
    assert server.asked == [("a.bin", None), ("a.bin", "bytes=1200000-"), ("a.bin", "bytes=1900000-")]
    assert tree(tmp_path) == ["tiny/a.bin"]


def test_a_killed_transfer_is_resumed_by_the_next_run(tmp_path: Path, server: Server) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "a.bin.part").write_bytes(CONTENT[:2_000_000])
    assert bring(manifest_of({"a.bin": CONTENT}), tmp_path, server).state == "complete"
    assert server.asked == [("a.bin", "bytes=2000000-")]


def test_a_whole_part_needs_no_request(tmp_path: Path, server: Server) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "a.bin.part").write_bytes(CONTENT)
    assert bring(manifest_of({"a.bin": CONTENT}), tmp_path, server).state == "complete"
    assert server.asked == []


def test_a_server_without_ranges_sends_the_whole_again(tmp_path: Path, server: Server) -> None:
    server.ranges, server.cuts = False, [1_200_000]
    assert bring(manifest_of({"a.bin": CONTENT}), tmp_path, server).state == "complete"
    assert server.asked == [("a.bin", None), ("a.bin", "bytes=1200000-")]


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)])
def test_a_part_of_another_file_is_thrown_away(tmp_path: Path, server: Server, part: bytes) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "a.bin.part").write_bytes(part)
    assert bring(manifest_of({"a.bin": CONTENT}), tmp_path, server).state == "complete"
    assert server.asked[-1] == ("a.bin", None)


def test_a_server_that_never_gets_further_is_given_up_and_the_part_kept(tmp_path: Path, server: Server) -> None:
    server.cuts = [1_000_000, 0, 0]
    with pytest.raises(TransferError, match=r"sends 1,000,000 bytes and no more"):
        bring(manifest_of({"a.bin": CONTENT}), tmp_path, server)
    assert tree(tmp_path) == ["tiny/a.bin.part"]


def test_a_file_with_another_hash_is_not_kept(tmp_path: Path, server: Server) -> None:
    server.files["a.bin"] = CONTENT[::-1]
    with pytest.raises(TransferError, match=r"sends another file: its sha256 is not the published one"):
        bring(manifest_of({"a.bin": CONTENT}), tmp_path, server)
    assert tree(tmp_path) == []


def test_a_file_with_another_size_is_not_even_begun(tmp_path: Path, server: Server) -> None:
    server.files["a.bin"] = CONTENT + b"!"
    with pytest.raises(TransferError, match=r"offers 3,000,001 bytes where 3,000,000 were published"):
        bring(manifest_of({"a.bin": CONTENT}), tmp_path, server)


def test_a_server_that_does_not_say_the_length(tmp_path: Path, server: Server) -> None:
    server.says_length = False
    assert bring(manifest_of({"a.bin": CONTENT}), tmp_path, server).state == "complete"


def test_a_web_page_is_a_refusal(tmp_path: Path, server: Server) -> None:
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(TransferError, match="answers with a web page instead of the file"):
        bring(manifest_of({"a.bin": CONTENT}), tmp_path, server)


def test_mirrors_are_tried_in_turn(tmp_path: Path, server: Server) -> None:
    with serving({}) as empty:
        manifest = manifest_of({"a.bin": CONTENT}, urls=["http://127.0.0.1:9", empty.url, server.url])
        assert fetch(manifest, tmp_path, lambda *step: None).state == "complete"
        assert empty.asked == server.asked == [("a.bin", None)]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match=r"a.bin \(127.0.0.1:9 cannot be reached or stops answering"):
        fetch(manifest_of({"a.bin": CONTENT}), tmp_path, lambda *step: None)
    assert list(tmp_path.iterdir()) == []


def test_every_refusal_is_named_with_the_way_by_hand(tmp_path: Path, server: Server) -> None:
    with serving({}) as empty:
        server.status = 403
        manifest = manifest_of({"a.bin": CONTENT}, urls=[empty.url, server.url])
        with pytest.raises(TransferError) as caught:
            fetch(manifest, tmp_path, lambda *step: None)
    said = str(caught.value)
    assert "answers 404 Not Found" in said and "answers 403 Forbidden" in said
    assert "By hand: https://example.org/tiny. Ask the author. Place the files in " in said and "\n" not in said
    assert tree(tmp_path) == []


def test_what_can_be_had_is_had_before_the_refusal_is_told(tmp_path: Path, server: Server) -> None:
    with pytest.raises(TransferError, match=r"could not fetch b.bin \(127\.0\.0\.1:\d+ answers 404 Not Found\)"):
        bring(manifest_of({"b.bin": b"b", "a.bin": CONTENT}), tmp_path, server)
    assert tree(tmp_path) == ["tiny/a.bin"]


def test_optional_files_are_fetched_when_asked_for(tmp_path: Path, server: Server) -> None:
    server.files["b.bin"] = b"b"
    manifest = manifest_of({"a.bin": CONTENT, "b.bin": b"b"}, more={"b.bin": "optional = true"})
    assert bring(manifest, tmp_path, server).state == "complete"
    assert tree(tmp_path) == ["tiny/a.bin"]
    fetch(manifest, tmp_path, lambda *step: None, base_url=server.url, everything=True)
    assert tree(tmp_path) == ["tiny/a.bin", "tiny/b.bin"]


def test_a_file_of_somebody_is_never_overwritten(tmp_path: Path, server: Server) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"a.bin is in the way \(wrong size"):
        bring(manifest_of({"a.bin": CONTENT}), tmp_path, server)
    assert (tmp_path / "a.bin").read_bytes() == b"mine" and server.asked == []


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not an http or https address"):
        fetch(manifest_of({"a.bin": CONTENT}), tmp_path, lambda *step: None, base_url="file:///etc")


@pytest.mark.parametrize(("name", "archive"), [("p.zip", zipped(PICTURES)), ("p.tar.gz", tarred(PICTURES))])
def test_archives_are_unpacked_and_pictures_that_are_there_stay(tmp_path: Path, name: str, archive: bytes) -> None:
    manifest = manifest_of({name: archive}, more={name: UNPACKS})
    with serving({name: archive}) as server:
        report = bring(manifest, tmp_path, server)
        assert (report.state, report.files[0].status) == ("complete", "ok")
        pictures = tmp_path / "tiny" / "pictures"
        before = (pictures / "0.jpg").stat()
        (pictures / "1.jpg").unlink()
        assert "unpacks it" in bring_status(manifest, tmp_path)
        assert bring(manifest, tmp_path, server).state == "complete"
        assert (pictures / "1.jpg").read_bytes() == PICTURES["pictures/1.jpg"]
        assert (pictures / "0.jpg").stat().st_mtime_ns == before.st_mtime_ns
        assert len(server.asked) == 1


def bring_status(manifest: Manifest, root: Path) -> str:
    from latentsearch.data import verify

    return verify(manifest, root).files[0].detail


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("p.zip", zipped({"pictures/../../evil.jpg": b"x"})),
        ("p.zip", zipped({"/tmp/evil.jpg": b"x"})),
        ("p.tar.gz", tarred({"../evil.jpg": b"x"})),
        ("p.tar.gz", tarred({}, {"pictures/link.jpg": "/etc/passwd"})),
    ],
)
def test_an_archive_cannot_leave_its_folder(tmp_path: Path, name: str, archive: bytes) -> None:
    manifest = manifest_of({name: archive}, more={name: UNPACKS})
    with serving({name: archive}) as server, pytest.raises(TransferError, match="leaves its folder"):
        bring(manifest, tmp_path / "root", server)
    assert tree(tmp_path) == [f"root/tiny/{name}"]


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root" / "tiny").mkdir(parents=True)
    (tmp_path / "root" / "tiny" / "pictures").symlink_to(tmp_path / "elsewhere")
    archive = zipped(PICTURES)
    with serving({"p.zip": archive}) as server, pytest.raises(TransferError, match="is a link out of"):
        bring(manifest_of({"p.zip": archive}, more={"p.zip": UNPACKS}), tmp_path / "root", server)
    assert tree(tmp_path / "elsewhere") == []


def test_files_beside_the_announced_folder_are_left_in_the_archive(tmp_path: Path) -> None:
    archive = zipped({**PICTURES, "__MACOSX/junk": b"x"})
    with serving({"p.zip": archive}) as server:
        bring(manifest_of({"p.zip": archive}, more={"p.zip": UNPACKS}), tmp_path, server)
    assert tree(tmp_path) == ["tiny/p.zip", *(f"tiny/{name}" for name in PICTURES)]


def test_the_command_line_on_a_refusing_server(tmp_path: Path, server: Server) -> None:
    server.status = 403
    server.files = dict.fromkeys(("img_align_celeba.zip", "list_attr_celeba.txt"), b"")
    result = CliRunner().invoke(main, ["data", "fetch", "celeba", "--root", str(tmp_path), "--base-url", server.url])
    assert result.exit_code == 10 and result.stdout == ""
    assert "non-commercial research only" in result.stderr
    assert "could not fetch img_align_celeba.zip, list_attr_celeba.txt (127.0.0.1" in result.stderr
    assert "answers 403 Forbidden); list_eval_partition.txt, identity_CelebA.txt (127" in result.stderr
    assert "Baidu Drive" in result.stderr and str(tmp_path / "celeba") in result.stderr
    assert tree(tmp_path) == []


def test_the_command_line_leaves_a_partial_copy_alone(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "celeba"
    folder.mkdir()
    (folder / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    result = CliRunner().invoke(main, ["data", "fetch", "celeba", "--root", str(tmp_path), "--base-url", server.url])
    assert result.exit_code == 2 and server.asked == []
    assert "list_eval_partition.txt is in the way (partial: 1 of 202,599 rows)" in result.stderr


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals_and_for_stderr(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    manifest = manifest_of({"a.bin": CONTENT})
    monkeypatch.setattr("latentsearch.data.manifest.load_manifest", lambda name: manifest)
    monkeypatch.setenv("FORCE_COLOR" if terminal else "NO_COLOR", "1")
    result = CliRunner().invoke(main, ["data", "fetch", "tiny", "--root", str(tmp_path), "--base-url", server.url])
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'tiny'}: complete: 3 pictures; splits train 2, test 1\n"
    said, *bars = [line for line in result.stderr.splitlines() if "a.bin" in line]
    assert said.endswith(f"fetching a.bin from {server.url.removeprefix('http://')}")
    assert bool(bars) is terminal
