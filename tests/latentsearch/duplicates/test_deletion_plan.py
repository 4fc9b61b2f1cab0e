"""The script to delete by, really run by a shell."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from indexer.catalog.images import ImageRecord
from indexer.errors import InputError
from latentsearch.duplicates.deletion_plan import check_plan, write_plan
from latentsearch.duplicates.results import EXACT, SAME, Copy, Duplicates, Tie
from tests.latentsearch.collection import assert_fails
from tests.latentsearch.copies import draw_photo, indexed

NAMES = {
    "plain": b"copy.jpg",
    "quotes": b'it\'s a "copy".jpg',
    "spaces": b"  two  spaces .jpg",
    "newline": b"first\nrm -rf second.jpg",
    "not UTF-8": b"caf\xe9.jpg",
    "dash": b"-rf",
    "shell": b"$(touch pwned) `touch pwned` ;&|*?#\\.jpg",
}


def write(folder: Path, name: bytes, content: bytes) -> str:
    path = os.path.join(os.fsencode(folder), name)
    with open(path, "wb") as file:
        file.write(content)
    return os.fsdecode(path)


def record(number: int, path: str) -> ImageRecord:
    content = Path(path).read_bytes()
    return ImageRecord(number, path, len(content), 0, hashlib.sha256(content).digest(), 178, 218, number, 1.5)


def plan_of(folder: Path, best: str, *others: str) -> Path:
    """A plan to keep one file and delete the others."""
    copies = [Copy(record(number, path), Tie(SAME, likeness=0.9)) for number, path in enumerate(others, 2)]
    write_plan(Duplicates("/index", ((Copy(record(1, best)), *copies),)), folder / "plan.sh")
    return folder / "plan.sh"


def run(plan: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", plan, *arguments], cwd=plan.parent, capture_output=True)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_file_goes_when_told_whatever_its_name(tmp_path: Path, name: bytes) -> None:
    best, copy = write(tmp_path, b"best.jpg", b"best"), write(tmp_path, name, b"copy")
    plan = plan_of(tmp_path, best, copy)
    said = run(plan)
    assert (said.returncode, said.stdout, said.stderr) == (0, b"would delete " + os.fsencode(copy) + b"\n", b"")
    assert os.path.exists(copy)
    done = run(plan, "delete")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"deleted " + os.fsencode(copy) + b"\n", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.jpg", "plan.sh"]


def test_the_name_of_the_kept_file_may_be_as_strange(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        best, copy = write(folder, name, b"best"), write(folder, b"the copy", b"copy")
        assert run(plan_of(folder, best, copy), "delete").returncode == 0
        assert (os.path.exists(best), os.path.exists(copy)) == (True, False)


@pytest.mark.parametrize("word", ["", "Delete", "yes", "--delete"])
def test_without_the_word_delete_nothing_goes(tmp_path: Path, word: str) -> None:
    best, copy = write(tmp_path, b"best", b"best"), write(tmp_path, b"copy", b"copy")
    assert run(plan_of(tmp_path, best, copy), *word.split()).returncode == 0
    assert os.path.exists(copy)


def test_a_copy_that_has_changed_stays(tmp_path: Path) -> None:
    best, changed, copy = (write(tmp_path, name, name) for name in (b"best", b"changed", b"copy"))
    plan = plan_of(tmp_path, best, changed, copy)
    write(tmp_path, b"changed", b"what was not indexed")
    done = run(plan, "delete")
    assert done.returncode == 1
    assert done.stderr == b"left, since it has changed or gone: " + os.fsencode(changed) + b"\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "changed", "plan.sh"]


@pytest.mark.parametrize("how", ["changed", "gone", "a link to the copy", "a hard link to the copy"])
def test_copies_stay_when_the_kept_file_is_not_what_it_was(tmp_path: Path, how: str) -> None:
    best, copy = write(tmp_path, b"best", b"same"), write(tmp_path, b"copy", b"same")
    plan = plan_of(tmp_path, best, copy)
    os.unlink(best)
    if how == "changed":
        write(tmp_path, b"best", b"another")
    elif how == "a link to the copy":
        os.symlink(copy, best)
    elif how == "a hard link to the copy":
        os.link(copy, best)
    done = run(plan, "delete")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"left, ")
    assert Path(copy).read_bytes() == b"same"


def test_a_line_that_was_taken_out_spares_its_file(tmp_path: Path) -> None:
    best, copy, other = (write(tmp_path, name, name) for name in (b"best", b"copy", b"other"))
    plan = plan_of(tmp_path, best, copy, other)
    lines = [line for line in plan.read_text().splitlines() if copy not in line]
    plan.write_text("\n".join(lines) + "\n")
    assert run(plan, "delete").returncode == 0
    assert (os.path.exists(copy), os.path.exists(other)) == (True, False)


def test_each_group_has_its_own_file_to_keep(tmp_path: Path) -> None:
    paths = [write(tmp_path, name, name) for name in (b"a", b"b", b"c", b"d")]
    a, b, c, d = (record(number, path) for number, path in enumerate(paths))
    groups = ((Copy(a), Copy(b, Tie(EXACT))), (Copy(c), Copy(d, Tie(EXACT))))
    write_plan(Duplicates("/index", groups), tmp_path / "plan.sh")
    os.unlink(paths[0])
    done = run(tmp_path / "plan.sh", "delete")
    assert done.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c", "plan.sh"]


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "mine.sh"
    target.write_text("precious")
    for refused in (lambda: check_plan(target), lambda: write_plan(Duplicates("/index", ()), target)):
        with pytest.raises(InputError, match="is there already"):
            refused()
    assert target.read_text() == "precious"
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match="is there already"):
        check_plan(tmp_path / "dangling")


def test_the_verb_writes_a_plan_that_deletes_all_but_the_best(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    draw_photo(1).save(pictures / "best.png")
    draw_photo(1).save(pictures / "it's.jpg")
    draw_photo(2).save(pictures / "another.png")
    copies = indexed(pictures, tmp_path / "index")
    plan = tmp_path / "plan.sh"
    assert copies.call("--delete-plan", plan).exit_code == 0
    assert_fails(copies.call("--delete-plan", plan), 2, "is there already")
    assert_fails(copies.call("--delete-plan", tmp_path / "none" / "plan.sh"), 2, "is not a folder")
    assert len(list(pictures.iterdir())) == 3
    assert run(plan, "delete").returncode == 0
    assert sorted(path.name for path in pictures.iterdir()) == ["another.png", "best.png"]
