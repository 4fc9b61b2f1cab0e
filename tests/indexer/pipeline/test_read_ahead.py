"""Files that are read and decoded before there is an index to store them in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexer.encoders.encoder import Encoder, load_encoder
from indexer.files.discover import discover
from indexer.index.writer import IndexWriter
from indexer.pipeline.plan import Reading
from indexer.pipeline.run import IndexOptions, index_folders, index_scope
from indexer.pipeline.scope import Scope
from indexer.pipeline.summary import Summary
from tests.support import make_bundle, make_folder

COUNT = 6


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(make_bundle(tmp_path_factory.mktemp("bundles")))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """COUNT pictures and one that cannot be used."""
    make_folder(tmp_path / "pictures", COUNT)
    (tmp_path / "pictures" / "empty.jpg").touch()
    return tmp_path / "pictures"


@contextmanager
def ahead(pictures: Path, encoder: Encoder) -> Iterator[Reading]:
    with Reading(discover([pictures]), encoder.framing) as reading:
        yield reading


def stored(folder: Path, encoder: Encoder, pictures: Path, reading: Reading) -> tuple[Summary, set[str]]:
    with IndexWriter.create(folder, encoder) as index:
        summary = index_scope(index, encoder, Scope([pictures]), IndexOptions(), reading=reading)
        return summary, {Path(record.path).name for record in index.catalog.images.all()}


def test_a_first_run_stores_what_was_read_ahead(tmp_path: Path, pictures: Path, encoder: Encoder) -> None:
    with ahead(pictures, encoder) as reading:
        summary, names = stored(tmp_path / "index", encoder, pictures, reading)
    assert (summary.found, summary.encoded, summary.failed) == (COUNT + 1, COUNT, 1)
    assert names == {f"{number:06}.jpg" for number in range(1, COUNT + 1)}


def test_what_was_read_ahead_is_of_no_use_where_another_has_filled_the_index(
    tmp_path: Path, pictures: Path, encoder: Encoder
) -> None:
    with ahead(pictures, encoder) as reading:
        with IndexWriter.create(tmp_path / "index", encoder) as index:
            index_folders(index, encoder, [pictures])
        summary, names = stored(tmp_path / "index", encoder, pictures, reading)
    assert (summary.found, summary.encoded, summary.unchanged, summary.failed_before) == (COUNT + 1, 0, COUNT, 1)
    assert len(names) == COUNT


def test_reading_begins_before_what_takes_long_is_imported() -> None:
    code = "import sys; import indexer.pipeline.plan, indexer.paths; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
