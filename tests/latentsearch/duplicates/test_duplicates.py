"""`latentsearch duplicates`: what is found, on drawn pictures."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.experiments.faults.sigkill import downgrade
from indexer.system.disk import WriterLock
from latentsearch.duplicates.compare.alignment import LEAST_LIKENESS
from latentsearch.duplicates.find import find_duplicates
from tests.latentsearch.collection import assert_fails, call
from tests.latentsearch.copies import (
    COPIES,
    Copies,
    draw_look_alikes,
    draw_pairs,
    draw_photo,
    indexed,
    names,
    save_copies,
)

FACES = ("ann", "bob")


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    folder = tmp_path_factory.mktemp("copies")
    pictures = folder / "pictures"
    pictures.mkdir()
    for seed, name in enumerate(FACES):
        save_copies(draw_photo(seed), pictures, name)
    draw_look_alikes(pictures)
    draw_pairs(pictures)
    linked = pictures / "linked.jpg"
    draw_photo(70).save(linked)
    (pictures / "a-link.jpg").symlink_to(linked)
    (pictures / "hard-link.jpg").hardlink_to(linked)
    (pictures / "a-link-to-ann.jpg").symlink_to(pictures / "ann.png")
    return indexed(pictures, folder / "index")


@pytest.fixture(scope="module")
def answer(copies: Copies) -> dict[str, Any]:
    return copies.json()


@pytest.fixture
def few(tmp_path: Path) -> Copies:
    """A picture, a copy with the same bytes and two re-encoded ones, and another picture."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for quality in (95, 80, 60):
        draw_photo(1).save(pictures / f"quality-{quality}.jpg", quality=quality)
    shutil.copyfile(pictures / "quality-80.jpg", pictures / "same-bytes.jpg")
    draw_photo(2).save(pictures / "another.jpg")
    return indexed(pictures, tmp_path / "index")


@pytest.mark.parametrize("face", FACES)
def test_every_kind_of_copy_is_found_and_named(answer: dict[str, Any], face: str) -> None:
    (group,) = (group for group in answer["groups"] if names(group)[0] == f"{face}.png")
    best, *others = group["pictures"]
    assert (best["kind"], best["changes"], best["likeness"]) == ("best", [], 1)
    found = {Path(other["path"]).name: (other["kind"], other["changes"]) for other in others}
    assert found == {f"{face}-{name}": told for name, told in COPIES.items()}
    for other in others:
        assert other["likeness"] == 1 if other["kind"] == "exact" else LEAST_LIKENESS <= other["likeness"] <= 1


def test_nothing_else_is_reported(answer: dict[str, Any]) -> None:
    firsts = [names(group)[0] for group in answer["groups"]]
    assert firsts == ["age-b.jpg", "ann.png", "bob.png", "bytes-b.jpg", "path-0.jpg", "pixels-b.jpg"]


@pytest.mark.parametrize(("part", "group"), [
    ("pixels", ["pixels-b.jpg", "pixels-a.jpg"]),
    ("bytes", ["bytes-b.jpg", "bytes-a.jpg"]),
    ("age", ["age-b.jpg", "age-a.jpg"]),
    ("path", ["path-0.jpg", "path-a.jpg"]),
])  # fmt: skip
def test_the_best_comes_first(answer: dict[str, Any], part: str, group: list[str]) -> None:
    assert group in [names(found) for found in answer["groups"]]


def test_links_are_no_copies(answer: dict[str, Any]) -> None:
    found = {name for group in answer["groups"] for name in names(group)}
    assert not found & {"linked.jpg", "a-link.jpg", "hard-link.jpg", "a-link-to-ann.jpg"}
    assert "ann.png" in found


def test_exact_finds_the_same_bytes_alone(copies: Copies) -> None:
    answer = copies.json("--exact")
    assert [names(group) for group in answer["groups"]] == [
        ["age-b.jpg", "age-a.jpg"],
        *([f"{face}.png", f"{face}-same-bytes.png"] for face in FACES),
        ["path-0.jpg", "path-a.jpg"],
    ]
    assert {picture["kind"] for group in answer["groups"] for picture in group["pictures"][1:]} == {"exact"}


def test_near_finds_other_bytes_alone(copies: Copies) -> None:
    answer = copies.json("--near")
    assert [names(group)[0] for group in answer["groups"]] == ["ann.png", "bob.png", "bytes-b.jpg", "pixels-b.jpg"]
    for group in answer["groups"]:
        digests = [picture["sha256"] for picture in group["pictures"]]
        assert len(set(digests)) == len(digests)


def test_the_function_gives_what_the_verb_prints_and_tells_what_it_does(copies: Copies, answer: dict[str, Any]) -> None:
    told = []
    found = find_duplicates(str(copies.index), report=lambda *progress: told.append(progress))
    assert [[Path(copy.image.path).name for copy in group] for group in found.groups] == [
        names(group) for group in answer["groups"]
    ]
    steps = {"looking for copies", "reading candidates", "comparing candidates", "comparing copies"}
    assert {what for what, _, _ in told} == steps
    assert all(0 <= done <= total for _, done, total in told)


def test_a_copy_of_a_near_copy_stands_beside_it(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    draw_photo(1).save(pictures / "best.jpg", quality=95)
    draw_photo(1).resize((89, 109)).save(pictures / "small.jpg")
    shutil.copyfile(pictures / "small.jpg", pictures / "small-too.jpg")
    found = indexed(pictures, tmp_path / "index")
    ((group),) = found.json()["groups"]
    assert names(group) == ["best.jpg", "small.jpg", "small-too.jpg"]
    assert [picture["kind"] for picture in group["pictures"]] == ["best", "same", "same"]


def test_files_that_are_gone_or_changed_are_left_out_and_told(few: Copies) -> None:
    (few.pictures / "quality-95.jpg").unlink()
    draw_photo(3).save(few.pictures / "quality-60.jpg")
    result = few.call("--json")
    answer = json.loads(result.stdout)
    assert [names(group) for group in answer["groups"]] == [["quality-80.jpg", "same-bytes.jpg"]]
    told = {Path(left["path"]).name: left["reason"] for left in answer["left_out"]}
    assert told == {
        "quality-95.jpg": "no such file",
        "quality-60.jpg": "it has changed since it was indexed",
    }
    assert "2 files have gone or changed and were left out; --json says why" in result.stderr


def test_a_change_that_hides_behind_size_and_time_is_seen(few: Copies) -> None:
    path = few.pictures / "quality-95.jpg"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-3] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    answer = few.json()
    assert [names(group) for group in answer["groups"]] == [["quality-80.jpg", "same-bytes.jpg", "quality-60.jpg"]]
    assert [Path(left["path"]).name for left in answer["left_out"]] == ["quality-95.jpg"]


def test_copies_that_are_left_out_leave_no_group_of_one(few: Copies) -> None:
    for path in few.pictures.glob("quality-*.jpg"):
        path.unlink()
    assert few.groups() == []
    assert few.groups("--exact") == []


def test_an_index_from_before_there_were_fingerprints_gets_them(few: Copies) -> None:
    expected = few.groups()
    downgrade(few.index / "catalog.sqlite")
    assert few.groups() == expected
    assert stored_fingerprints(few) == 5


def test_missing_fingerprints_are_not_kept_while_another_writes(few: Copies) -> None:
    expected = few.groups()
    with sqlite3.connect(few.index / "catalog.sqlite") as connection:
        connection.execute("DELETE FROM fingerprint WHERE image_id % 2")
    connection.close()
    lock = WriterLock(few.index)
    lock.acquire()
    try:
        assert few.groups() == expected
    finally:
        lock.release()
    assert stored_fingerprints(few) == 2


def test_a_picture_without_fingerprint_that_cannot_be_read_is_told(few: Copies) -> None:
    with sqlite3.connect(few.index / "catalog.sqlite") as connection:
        connection.execute("DELETE FROM fingerprint")
    connection.close()
    (few.pictures / "another.jpg").unlink()
    (left,) = few.json()["left_out"]
    assert (Path(left["path"]).name, left["reason"]) == ("another.jpg", "no such file")


def stored_fingerprints(copies: Copies) -> int:
    connection = sqlite3.connect(copies.index / "catalog.sqlite")
    (count,) = connection.execute("SELECT count(*) FROM fingerprint").fetchone()
    connection.close()
    return int(count)


def test_an_empty_index_has_no_duplicates(few: Copies) -> None:
    assert call("remove", few.pictures, "--index", few.index).exit_code == 0
    assert few.json() == {"index": str(few.index), "groups": [], "left_out": []}
    result = few.call()
    assert (result.stdout, result.stderr) == ("", "latentsearch: no duplicates\n")


def test_one_picture_has_no_duplicates(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 40), "white").save(tmp_path / "pictures" / "white.png")
    assert indexed(tmp_path / "pictures", tmp_path / "index").groups() == []


def test_without_an_index_there_is_a_sentence(tmp_path: Path) -> None:
    assert_fails(call("duplicates", "--index", tmp_path / "none"), 5, "no index at")


@pytest.mark.parametrize("options", [("--exact", "--near"), ("--json", "--csv")])
def test_options_that_exclude_each_other(copies: Copies, options: tuple[str, str]) -> None:
    result = copies.call(*options)
    assert result.exit_code == 2
    assert f"{options[0]} and {options[1]} exclude each other" in result.stderr


def test_no_form_of_it_deletes_or_changes_a_file(few: Copies, tmp_path: Path) -> None:
    def state() -> dict[Path, tuple[int, bytes]]:
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in few.pictures.iterdir()}

    before = state()
    for arguments in ((), ("--exact",), ("--near",), ("--csv",), ("--delete-plan", tmp_path / "plan.sh")):
        assert few.call(*arguments).exit_code == 0
    assert state() == before


def test_blank_pictures_are_no_copies(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for colour in ("white", "black", "red"):
        Image.new("RGB", (100, 80), colour).save(pictures / f"{colour}.png")
    assert indexed(pictures, tmp_path / "index").groups() == []
