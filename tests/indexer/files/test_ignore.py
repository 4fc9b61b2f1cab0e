"""Patterns in gitignore's language: what a walk leaves out is what git ignores."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InputError
from indexer.files.discover import Problem, discover, discover_again
from indexer.files.ignore import IGNORE_FILE, Rules

FOLDERS = ("", "a", "b", "a/b", "a/a", "ab", "b/a/b", "c d")
FILES = ("a.jpg", "b.jpg", "ab.jpg")
# */ before the end of **/*/** is what pathspec and git read differently: git asks for a folder in between.
SEGMENTS = ("a", "b", "ab", "*", "a*", "*.jpg", "?", "[ab]", "[!a]", "**", "a.jpg", "c\\ d", "c d")
segments = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3)
patterns = st.builds(
    lambda negated, anchor, parts, end: ("!" if negated else "") + anchor + "/".join(parts) + end,
    st.booleans(),
    st.sampled_from(["", "", "/"]),
    segments,
    st.sampled_from(["", "", "/", " ", "/**"]),
).filter(lambda pattern: "**/*/**" not in pattern)
lists = st.lists(patterns, max_size=4)


@dataclass(frozen=True)
class Tree:
    """A git repository with pictures in all folders."""

    root: Path
    files: tuple[str, ...]

    def write(self, folder: str, some: list[str]) -> None:
        for name in (".gitignore", IGNORE_FILE):
            (self.root / folder / name).write_text("\n".join(some) + "\n")

    def left_out(self, *asked: str) -> set[str]:
        found = {os.path.relpath(file.path, self.root) for file in discover([self.root], rules=Rules(asked))}
        return set(self.files) - found

    def ignored_by_git(self) -> set[str]:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        words = ["git", "-C", str(self.root), "check-ignore", "--no-index", "--stdin", "-z"]
        names = "\0".join(self.files) + "\0"
        done = subprocess.run(words, input=names, capture_output=True, text=True, env=environment)
        return set(filter(None, done.stdout.split("\0")))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    root = tmp_path_factory.mktemp("tree")
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (root / folder / name).write_bytes(b"x")
    yield Tree(root, tuple(os.path.join(folder, name) for folder in FOLDERS for name in FILES))


@settings(max_examples=150, deadline=None)
@given(above=lists, below=lists)
def test_what_is_left_out_is_what_git_ignores(tree: Tree, above: list[str], below: list[str]) -> None:
    tree.write("", above)
    tree.write("a", below)
    assert tree.left_out() == tree.ignored_by_git()


@settings(max_examples=50, deadline=None)
@given(asked=lists)
def test_patterns_that_are_asked_for_hold_as_those_of_a_file_in_the_named_folder(tree: Tree, asked: list[str]) -> None:
    tree.write("", []), tree.write("a", [])
    by_option = tree.left_out(*asked)
    tree.write("", asked)
    assert by_option == tree.left_out() == tree.ignored_by_git()


@settings(max_examples=50, deadline=None)
@given(above=lists, below=lists, asked=lists)
def test_a_path_looked_at_by_itself_is_decided_as_in_a_walk(
    tree: Tree, above: list[str], below: list[str], asked: list[str]
) -> None:
    tree.write("", above), tree.write("a", below)
    rules, root = Rules(asked), str(tree.root)
    paths = [str(tree.root / name) for name in tree.files]
    again = {file.path for file in discover_again(paths, [root], rules=rules)}
    assert again == {file.path for file in discover([root], rules=rules)}
    assert again == {path for path in paths if rules.takes_in(path, root)}


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")


def found(*roots: Path, asked: tuple[str, ...] = ()) -> set[str]:
    return {os.path.relpath(file.path, roots[0]) for file in discover(roots, rules=Rules(asked))}


def test_an_ignore_file_above_the_named_folder_holds_unless_it_would_leave_that_out(tmp_path: Path) -> None:
    make(tmp_path, "year/a.jpg", "year/private/b.jpg", "year/c.jpg", "year/trip/c.jpg")
    (tmp_path / IGNORE_FILE).write_text("private/\nc.jpg\n")
    assert found(tmp_path / "year") == {"a.jpg"}
    assert found(tmp_path / "year/private") == {"b.jpg"}
    assert found(tmp_path / "year", tmp_path / "year/private") == {"a.jpg", "private/b.jpg"}


def test_what_is_asked_for_comes_before_files_and_the_nearest_file_before_others(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "in/a.jpg", "in/deep/a.jpg", "in/deep/b.jpg")
    (tmp_path / IGNORE_FILE).write_text("a.jpg\n")
    (tmp_path / "in/deep" / IGNORE_FILE).write_text("!a.jpg\n")
    assert found(tmp_path) == {"in/deep/a.jpg", "in/deep/b.jpg"}
    assert found(tmp_path, asked=("!/a.jpg", "deep/")) == {"a.jpg"}


def test_line_ends_byte_order_mark_and_names_of_any_bytes(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.jpg")
    make(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d\ne/f.jpg", odd)
    (tmp_path / IGNORE_FILE).write_bytes(b"\xef\xbb\xbfa.jpg\r\n# b.jpg\r\n\r\nf.jpg\r\ncaf\xe9.jpg")
    assert found(tmp_path) == {"b.jpg", "c.jpg"}


@pytest.mark.parametrize("content", [b"good/\nbad\\", b"!", b"[z-a]", b"x" * 1_000_001, None])
def test_a_file_that_cannot_be_followed_costs_its_folder(tmp_path: Path, content: bytes | None) -> None:
    make(tmp_path, "a.jpg", "in/b.jpg", "in/deep/c.jpg")
    if content is None:
        (tmp_path / "in" / IGNORE_FILE).mkdir()
    else:
        (tmp_path / "in" / IGNORE_FILE).write_bytes(content)
    (problem,) = (file for file in discover([tmp_path]) if isinstance(file, Problem))
    assert found(tmp_path) == {"a.jpg", "in"}
    assert (problem.path, problem.is_hidden) == (str(tmp_path / "in"), True)
    assert problem.reason.startswith("its .latentsearchignore ")


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"cannot exclude by 'a\\', which is no pattern"):
        Rules(["fine", "a\\"])


USUAL = (
    "@eaDir/a.jpg/THUMB.jpg",
    "x/#recycle/a.jpg",
    "#snapshot/a.jpg",
    "@Recycle/a.jpg",
    "@__thumb/a.jpg",
    "$RECYCLE.BIN/a.jpg",
    "$Recycle.Bin/a.jpg",
    "System Volume Information/a.jpg",
    "lost+found/a.jpg",
    "x/node_modules/b/a.jpg",
    "Catalog Previews.lrdata/a.jpg",
    "shoot/CaptureOne/Cache/Thumbnails/a.jpg",
    "appdata_oc1a2b3c/preview/a.jpg",
    "My.photoslibrary/resources/derivatives/a.jpg",
    "My.photoslibrary/Thumbnails/a.jpg",
    "My.photoslibrary/Previews/2020/a.jpg",
    "My.photoslibrary/scopes/cloudsharing/resources/derivatives/a.jpg",
    "Old.photolibrary/Data.noindex/a.jpg",
    "Aperture.aplibrary/Thumbnails/a.jpg",
)
KEPT = (
    "a.jpg",
    "eaDir/a.jpg",
    "Cache/a.jpg",
    "Previews/a.jpg",
    "resources/derivatives/a.jpg",
    "shoot/CaptureOne/a.jpg",
    "My.photoslibrary/originals/0/a.jpg",
    "My.photoslibrary/originals/Previews/a.jpg",
    "Old.photolibrary/Masters/2010/a.jpg",
)


def test_what_nobody_wants_in_a_collection_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, *USUAL, *KEPT)
    assert found(tmp_path) == set(KEPT)
    assert found(tmp_path / "My.photoslibrary") == {"originals/0/a.jpg", "originals/Previews/a.jpg"}


@pytest.mark.parametrize("name", USUAL)
def test_what_is_left_out_can_be_asked_for_by_its_name(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    folder = next(folder for folder in reversed(Path(name).parents[:-1]) if not found_below(tmp_path, folder))
    assert found(tmp_path / folder) == {os.path.relpath(name, folder)}
    escaped = folder.name.replace("#", "\\#").replace("$", "\\$")
    negations = [f"!{escaped}", "!derivatives", "!/" + "/".join(map(str, folder.parts))]
    assert found(tmp_path, asked=tuple(negations)) == {name}
    (tmp_path / IGNORE_FILE).write_text("\n".join(negations))
    assert found(tmp_path) == {name}


def found_below(root: Path, folder: Path) -> bool:
    """Whether a walk from the root comes into a folder: a picture there is found."""
    probe = root / folder / "probe.jpg"
    probe.write_bytes(b"12345")
    try:
        return os.path.relpath(probe, root) in found(root)
    finally:
        probe.unlink()


def test_a_negation_of_wildcards_asks_for_nothing(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.png", "x/c.jpg", "@eaDir/a.jpg", ".hidden/a.jpg", "._a.jpg")
    assert found(tmp_path, asked=("*", "!*/", "!*.jpg")) == {"a.jpg", "x/c.jpg"}


def test_folders_that_are_left_out_are_not_descended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "private/deep/b.jpg", "node_modules/c.jpg")
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: (listed.append(folder), scandir(folder))[1])
    assert found(tmp_path, asked=("private",)) == {"a.jpg"}
    assert listed == [str(tmp_path)]
