from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from indexer.errors import InputError
from indexer.files.discover import Found, Problem, discover
from indexer.paths import printable
from tests.hostile import draw_hostile


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")


def listed(paths: Iterable[str | Path], base: Path) -> dict[str, str | None]:
    """Relative path -> reason, None for what was found; fails when a path comes twice."""
    results = list(discover(paths))
    reasons = {os.path.relpath(result.path, base): getattr(result, "reason", None) for result in results}
    assert len(reasons) == len(results)
    return reasons


def test_pictures_are_found_by_their_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.JPEG", "c/d.Png", "c/e/f.webp", "notes.txt", "list.csv", "jpg", "a.jpg.part")
    assert set(listed([tmp_path], tmp_path)) == {"a.jpg", "b.JPEG", "c/d.Png", "c/e/f.webp"}


def test_size_time_and_absolute_path_are_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "faces/a.jpg")
    os.utime(tmp_path / "faces/a.jpg", ns=(0, 1_700_000_000_123_456_789))
    monkeypatch.chdir(tmp_path)
    assert list(discover(["faces/"])) == [Found(f"{tmp_path}/faces/a.jpg", 5, 1_700_000_000_123_456_789)]


def test_names_come_in_order(tmp_path: Path) -> None:
    names = [f"{number:03}.jpg" for number in range(100)]
    touch(tmp_path, *reversed(names))
    assert list(listed([tmp_path], tmp_path)) == names


def test_hidden_files_and_folders_are_left_out_unless_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", ".b.jpg", "._c.jpg", ".thumbnails/d.jpg")
    assert set(listed([tmp_path], tmp_path)) == {"a.jpg"}
    assert set(listed([tmp_path / ".thumbnails", tmp_path / ".b.jpg"], tmp_path)) == {".thumbnails/d.jpg", ".b.jpg"}


def test_a_named_file_counts_whatever_its_suffix_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "scan")
    paths = [tmp_path / "scan", tmp_path / "a.jpg", tmp_path, tmp_path / "a.jpg", tmp_path]
    assert set(listed(paths, tmp_path)) == {"scan", "a.jpg", "b.jpg"}


def test_a_folder_inside_a_named_folder_is_visited_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "inner/b.jpg")
    for paths in ([tmp_path, tmp_path / "inner"], [tmp_path / "inner", tmp_path]):
        assert set(listed(paths, tmp_path)) == {"a.jpg", "inner/b.jpg"}


def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "here/z/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "here/a_link").symlink_to(tmp_path / "here/z")
    (tmp_path / "here/z/up").symlink_to(tmp_path / "here")
    (tmp_path / "here/far").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here/far_again").symlink_to(tmp_path / "elsewhere")
    assert set(listed([tmp_path / "here"], tmp_path / "here")) == {"z/a.jpg", "far/b.jpg"}


def test_links_to_files_are_files(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.jpg", "here/b.jpg")
    (tmp_path / "here/link.jpg").symlink_to(tmp_path / "elsewhere/a.jpg")
    assert set(listed([tmp_path / "here"], tmp_path / "here")) == {"b.jpg", "link.jpg"}


def test_what_cannot_be_used_is_told_with_its_reason(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "dead.jpg").symlink_to("nowhere")
    (tmp_path / "dead.txt").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    assert listed([tmp_path], tmp_path) == {
        "a.jpg": None,
        "dead.jpg": "a dead link",
        "loop.jpg": "a link that leads back to itself",
        "pipe.png": "a named pipe, not a file",
        "device.png": "a device, not a file",
    }


def test_every_hostile_file_is_found_or_told(tmp_path: Path) -> None:
    hostile = draw_hostile(tmp_path)
    assert set(listed([tmp_path], tmp_path)) == {*hostile.good, *hostile.bad}


def test_a_closed_folder_is_told_and_the_rest_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg", "open/c.jpg")
    scandir = os.scandir

    def refuse(folder: str) -> object:  # permissions do not hold for root, who may run this
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert listed([tmp_path], tmp_path) == {"a.jpg": None, "closed": "permission denied", "open/c.jpg": None}


def test_a_path_that_is_not_there_is_refused_before_anything_is_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing: no such file or folder"):
        discover([tmp_path, tmp_path / "missing"])


def test_a_named_dead_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "album").symlink_to("nowhere")
    assert list(discover([tmp_path / "album"])) == [Problem(f"{tmp_path}/album", "a dead link", may_pass=True)]


def test_names_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        touch(tmp_path, name)
    except OSError as error:
        pytest.skip(f"this file system refuses names that are not UTF-8: {error}")
    (found,) = discover([tmp_path])
    assert isinstance(found, Found) and os.fsencode(found.path).endswith(b"/caf\xe9.jpg")
    assert printable(found.path) == rf"{tmp_path}/caf\xe9.jpg"


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.files.discover.SORTED_AT_ONCE", 100)
    touch(tmp_path, *(f"{number}.jpg" for number in range(3_000)))
    tracemalloc.start()
    count = sum(1 for _ in discover([tmp_path]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3_000 and peak < 200_000
