"""Every verb in an empty home, traced: no socket but local ones, no file but what the user named and the product's own.

The CI's own variables are taken away: libraries that report their use keep quiet where they see them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from latentsearch.cli import VERBS
from tests.support import make_bundle, make_celeba, make_folder
from tests.traced import STRACE, Trace, bare_environment, trace

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed: `apt-get install strace`")

OWN = Path(".local/share/latentsearch")
TINY = "--width 4 --batch 8 --generator-epochs 1 --inverse-epochs 1 --threads 1 --precision fp32"
INDEX = "index {faces} --index {index} --encoder {bundle} --predict-labels {bundle} --faces"
TRAIN = f"train aegan {{faces}} -o {{run}} {TINY}"
EXPORT = "export -o {table} --index {index}"
# The rest goes on from what these leave.
VERB_BY_VERB = (
    "query {first} --index {index} --sheet {out}/sheet.png",
    "query --id 1 --index {index}",
    "query {first} {second} --index {index}",
    "query --batch {set} --index {index} --json",
    "query {first} --index {index} --set Smiling=1 --whole",
    "query {first} --index {index} --set Smiling=1 --set-by {drawing} --whole",
    "labels --index {index}",
    "attributes {first} {second} --encoder {bundle}",
    "duplicates --index {index} --delete-plan {out}/plan.json",
    "faces --index {index} --sheet {out}/groups.png",
    "status --index {index} --failures",
    "check --index {index}",
    "encoders",
    "export {run} -o {out}/bundle --precision int8",
    "export -o {out}/again.parquet --index {index}",
    "import {table} --index {out}/imported --encoder {bundle}",
    "remove {faces} --index {copy}",
    "sample {drawing} --count 2 -o {out}/drawn",
    "invert {first} --generator aegan --steps 3 --threads 1",
    "data list",
    "data verify mnist --root {set}",
)


class Place(NamedTuple):
    """Pictures with labels, a bundle, an index and a training run, in one folder."""

    folder: Path

    def words(self, command: str, out: Path) -> list[str]:
        """A command's words, the paths filled in."""
        paths = {
            "bundle": "bundles/tiny",
            "drawing": "bundles/drawing",
            "index": "index",
            "run": "run",
            "faces": "faces",
            "set": "set",
        }
        paths |= {"table": "table/codes.parquet", "first": "set/000001.jpg", "second": "set/000002.jpg"}
        named = {name: str(self.folder / path) for name, path in paths.items()}
        return [word.format(**named, out=out, copy=out / "copy") for word in command.split()]

    def run(self, command: str, folder: Path, seconds: float | None = None, **more: str) -> Trace:
        """Run a verb, traced, with a home, a folder for scratch and one for what it is to write in `folder`."""
        for name in ("home", "scratch", "out"):
            (folder / name).mkdir()
        if (self.folder / "index").exists():
            shutil.copytree(self.folder / "index", folder / "out" / "copy")
        words = self.words(command, folder / "out")
        environment = bare_environment(folder / "home", folder / "scratch") | more
        return trace([sys.executable, "-m", "latentsearch", *words], environment, folder / "logs", seconds)

    def assert_stays(self, done: Trace, folder: Path, code: int = 0) -> None:
        """A verb sent nothing and wrote what was named, the index and the product's own, and left no scratch."""
        home, made = folder / "home", [self.folder / name for name in ("index", "run", "table")]
        assert done.code == code, done.stderr
        assert done.sent == ()
        above = {str(home / path) for path in OWN.parents}
        assert done.changed_outside(home / OWN, folder / "out", folder / "scratch", *made) <= above
        # torch leaves an empty folder there.
        assert [path for path in (folder / "scratch").rglob("*") if not path.is_dir()] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("place")
    make_celeba(folder / "faces", 24)
    make_folder(folder / "set", 3, seed=4)
    make_bundle(folder / "bundles", attributes=True)
    make_bundle(folder / "bundles", "drawing", "euclidean", generator=True, attributes=True)
    (folder / "table").mkdir()
    return Place(folder)


@pytest.fixture(scope="module")
def made(place: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Trace, Path]]:
    """What the verbs did that make the index, the training run and the table."""
    folders = {command: tmp_path_factory.mktemp(command.split()[0]) for command in (INDEX, TRAIN, EXPORT)}
    return {command: (place.run(command, folder), folder) for command, folder in folders.items()}


@pytest.mark.parametrize(
    ("command", "leaves"), [(INDEX, "index/catalog.sqlite"), (TRAIN, "run/run.json"), (EXPORT, "table/codes.parquet")]
)
def test_verbs_that_make_something_stay_on_the_machine(
    place: Place, made: dict[str, tuple[Trace, Path]], command: str, leaves: str
) -> None:
    place.assert_stays(*made[command])
    assert (place.folder / leaves).exists()


@pytest.mark.parametrize("command", VERB_BY_VERB)
@pytest.mark.usefixtures("made")
def test_verbs_stay_on_the_machine(place: Place, tmp_path: Path, command: str) -> None:
    place.assert_stays(place.run(command, tmp_path), tmp_path, 2 if "verify" in command else 0)


def test_the_product_s_own_folder_is_where_an_index_goes_that_is_not_named(place: Place, tmp_path: Path) -> None:
    place.assert_stays(place.run("index {faces} --encoder {bundle}", tmp_path), tmp_path)
    assert (tmp_path / "home" / OWN / "index" / "catalog.sqlite").exists()


def test_a_watch_stays_on_the_machine(place: Place, tmp_path: Path) -> None:
    done = place.run("index {faces} --index {out}/index --encoder {bundle} --watch", tmp_path, 8)
    place.assert_stays(done, tmp_path, 124)
    assert "watching" in done.stderr


def test_a_home_that_cannot_be_written_is_no_reason_to_warn(place: Place, tmp_path: Path) -> None:
    done = place.run("index {faces} --index {out}/index --encoder {bundle}", tmp_path, HOME="/proc/nobody")
    assert (done.code, done.stderr, done.sent) == (0, "", ())


def test_every_verb_is_traced() -> None:
    assert {command.split()[0] for command in (INDEX, TRAIN, EXPORT, *VERB_BY_VERB)} == set(VERBS)
