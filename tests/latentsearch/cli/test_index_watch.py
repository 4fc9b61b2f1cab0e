"""`latentsearch index --watch`: what changes in folders is taken in, by a real process."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sized
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from indexer.catalog.catalog import Catalog
from indexer.catalog.images import Images
from indexer.catalog.sqlite import Statements
from indexer.files.ignore import IGNORE_FILE
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.system import extras
from latentsearch.cli import main
from tests.hostile import encode_picture
from tests.latentsearch.following import followed
from tests.support import draw_picture, make_bundle, make_celeba, make_folder

COUNT = 5


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    make_folder(tmp_path / "pictures", COUNT)
    return tmp_path / "pictures"


def ids(folder: Path) -> dict[str, int]:
    with Index.open(folder) as index:
        return {record.path: record.id for record in index.catalog.images.all()}


def latentsearch(*arguments: str | Path) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="latentsearch")
    assert result.exit_code == 0, result.output
    return result.stdout


def assert_as_an_ordinary_run(index: Path, bundle: Path, other: Path, *folders: Path) -> None:
    """The index holds what an ordinary run over its folders makes, but for the images whose files have vanished."""
    latentsearch("index", *folders, "--index", other, "--encoder", bundle)
    with IndexWriter.open(index) as live, Index.open(other) as ordinary:
        assert live.check().problems == []
        by_path = [{record.path: record for record in each.catalog.images.all()} for each in (live, ordinary)]
        assert {path for path in by_path[0] if os.path.exists(path)} == set(by_path[1])
        for path, record in by_path[1].items():
            assert by_path[0][path][2:7] == record[2:7]
            assert abs(live.code(by_path[0][path].id) - ordinary.code(record.id)).max() < 1e-6
        assert live.failures() == ordinary.failures()


def test_what_is_added_changed_moved_and_removed(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    with followed(index, bundle, pictures) as process:
        assert process.batch() == {"found": COUNT, "encoded": COUNT}
        reader = Index.open(index)
        draw_picture(50).save(pictures / "new.jpg")
        assert process.batch() == {"found": 1, "encoded": 1}
        reader.refresh()
        assert reader.count() == COUNT + 1
        reader.close()
        before = ids(index)
        draw_picture(51).save(pictures / "000001.jpg")
        assert process.batch() == {"found": 1, "encoded": 1, "changed": 1}
        (pictures / "000002.jpg").rename(pictures / "moved.jpg")
        assert process.batch() == {"found": 1, "moved": 1}
        assert ids(index)[str(pictures / "moved.jpg")] == before[str(pictures / "000002.jpg")]
        (pictures / "000003.jpg").unlink()
        assert process.batch() == {"vanished": 1}
        assert ids(index)[str(pictures / "000003.jpg")] == before[str(pictures / "000003.jpg")]
        (pictures / "bad.jpg").write_text("not a picture")
        assert process.batch() == {"found": 1, "failed": 1}
        draw_picture(52).save(pictures / "bad.jpg")
        assert process.batch() == {"found": 1, "encoded": 1}
        assert process.interrupt() == 130
        assert process.told()[-1] == "latentsearch: stopped watching: everything indexed so far is kept\n"
    assert_as_an_ordinary_run(index, bundle, tmp_path / "other", pictures)


def test_folders_come_move_and_go(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    make_folder(tmp_path / "elsewhere" / "deep", 3, seed=1)
    with followed(index, bundle, pictures, options=("--prune",)) as process:
        process.batch()
        (tmp_path / "elsewhere").rename(pictures / "inside")
        assert process.batches_until("encoded", 3) == {"found": 3, "encoded": 3}
        before = ids(index)
        (pictures / "inside").rename(pictures / "renamed")
        assert process.batches_until("moved", 3) == {"found": 3, "moved": 3}
        after = ids(index)
        assert sorted(after.values()) == sorted(before.values())
        assert after[str(pictures / "renamed/deep/000001.jpg")] == before[str(pictures / "inside/deep/000001.jpg")]
        make_folder(pictures / "made" / "here", 2, seed=2)
        process.batches_until("encoded", 2)
        shutil.rmtree(pictures / "renamed")
        assert process.batches_until("removed", 3) == {"vanished": 3, "removed": 3}
    assert_as_an_ordinary_run(index, bundle, tmp_path / "other", pictures)


def test_a_file_is_read_when_it_has_become_quiet(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    content = encode_picture(draw_picture(70, (400, 400)), "PNG")
    with followed(tmp_path / "index", bundle, pictures) as process:
        process.batch()
        with open(pictures / "slow.png", "wb", buffering=0) as file:
            for start in range(0, len(content), len(content) // 8 + 1):
                file.write(content[start : start + len(content) // 8 + 1])
                time.sleep(0.15)
        begin = time.monotonic()
        assert process.batch() == {"found": 1, "encoded": 1}
        # On an idle machine it takes one second.
        assert time.monotonic() - begin < 20


def test_what_no_run_would_find_makes_no_batch(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    index = pictures / "its.index"
    with followed(index, bundle, pictures) as process:
        process.batch()
        for name in (".hidden.jpg", "notes.txt", ".thumbnails/a.jpg", "a.jpg.part"):
            (pictures / name).parent.mkdir(exist_ok=True)
            (pictures / name).write_bytes(b"123")
        (pictures / "a.jpg.part").unlink()
        latentsearch("remove", pictures / "000001.jpg", "--index", index)
        draw_picture(50).save(pictures / "new.jpg")
        assert process.batch() == {"found": 1, "encoded": 1}
        assert process.has_no_batch()
        assert {Path(path).name for path in ids(index)} == {*(f"00000{n}.jpg" for n in range(2, COUNT + 1)), "new.jpg"}


def test_links_are_followed_and_every_file_has_one_path(bundle: Path, tmp_path: Path) -> None:
    here, far = tmp_path / "here", tmp_path / "far"
    make_folder(here / "z", 1), make_folder(far, 1, seed=1)
    (here / "a_link").symlink_to(here / "z")
    (here / "far").symlink_to(far)
    (here / "z" / "up").symlink_to(here)
    with followed(tmp_path / "index", bundle, here) as process:
        assert process.batch() == {"found": 2, "encoded": 2}
        draw_picture(50).save(here / "z" / "b.jpg")
        draw_picture(51).save(far / "c.jpg")
        assert process.batches_until("encoded", 2) == {"found": 2, "encoded": 2}
    assert_as_an_ordinary_run(tmp_path / "index", bundle, tmp_path / "other", here)


def test_names_that_are_not_utf8_are_taken_in(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    name = os.path.join(os.fsencode(pictures), b"caf\xe9.jpg")
    with followed(tmp_path / "index", bundle, pictures) as process:
        process.batch()
        try:
            Path(os.fsdecode(name)).write_bytes(encode_picture(draw_picture(50), "JPEG"))
        except OSError as error:
            pytest.skip(f"this file system refuses names that are not UTF-8: {error}")
        assert process.batches_until("encoded")["encoded"] == 1
        draw_picture(51).save(pictures / "after.jpg")
        assert process.batches_until("encoded")["encoded"] == 1
    assert_as_an_ordinary_run(tmp_path / "index", bundle, tmp_path / "other", pictures)


def test_the_index_is_locked_only_while_it_is_written(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    with followed(index, bundle, pictures) as process:
        process.batch()
        assert process.sentence() == "latentsearch: watching; Ctrl-C ends it"
        with IndexWriter.open(index):
            draw_picture(50).save(pictures / "new.jpg")
            assert f"process {os.getpid()} on " in process.sentence()
            time.sleep(0.5)
            assert process.has_no_batch() and process.told() == []
        assert process.batch() == {"found": 1, "encoded": 1}
        assert process.told() == []


def test_a_watched_folder_that_goes_and_comes_back(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    index, other = tmp_path / "index", tmp_path / "other"
    make_folder(other, 2, seed=1)
    with followed(index, bundle, pictures, other, options=("--prune",)) as process:
        assert process.batch() == {"found": COUNT + 2, "encoded": COUNT + 2}
        process.sentence()
        pictures.rename(tmp_path / "away")
        assert process.sentence().startswith(f"latentsearch: {pictures} is gone: its pictures stay in the index")
        draw_picture(50).save(other / "new.jpg")
        assert process.batches_until("encoded")["encoded"] == 1
        assert len(ids(index)) == COUNT + 3
        draw_picture(51).save(tmp_path / "away" / "new.jpg")
        (tmp_path / "away").rename(pictures)
        assert process.batches_until("encoded")["encoded"] == 1
        draw_picture(52).save(pictures / "newer.jpg")
        assert process.batches_until("encoded")["encoded"] == 1
        shutil.rmtree(other)
        make_folder(other, 1, seed=7)
        assert process.batches_until("encoded")["encoded"] == 1
        pictures.rename(tmp_path / "away"), other.rename(tmp_path / "away too")
        assert process.process.wait(60) == 2
    assert process.told() and "nothing is left to watch" in process.told()[-1]


def test_very_many_changes_are_one_run_over_the_folders(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    few = "import indexer.watch.debounce; indexer.watch.debounce.PATHS_AT_MOST = 10"
    with followed(tmp_path / "index", bundle, pictures, before=few) as process:
        process.batch()
        make_folder(pictures / "more", 30, seed=1)
        total = process.batches_until("encoded", 30)
        assert (total["encoded"], total.get("failed", 0)) == (30, 0)
        assert total["unchanged"] >= COUNT
    assert_as_an_ordinary_run(tmp_path / "index", bundle, tmp_path / "other", pictures)


def test_folders_are_polled_where_the_system_tells_nothing(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    with followed(tmp_path / "index", bundle, pictures, WATCHFILES_FORCE_POLLING="1") as process:
        process.batch()
        draw_picture(50).save(pictures / "new.jpg")
        assert process.batches_until("encoded") == {"found": 1, "encoded": 1}
        (pictures / "000001.jpg").unlink()
        assert process.batches_until("vanished") == {"vanished": 1}


def test_labels_reach_what_comes_and_a_file_that_is_half_written_is_tried_again(bundle: Path, tmp_path: Path) -> None:
    faces, index = tmp_path / "faces", tmp_path / "index"
    make_celeba(faces, 4)
    attributes = faces / "list_attr_celeba.txt"
    whole = attributes.read_text()
    soon = "import indexer.watch.live_index; indexer.watch.live_index.SECONDS_BEFORE_ANOTHER_BATCH = 0.2"
    with followed(index, bundle, faces, before=soon) as process:
        process.batch(), process.sentence()
        attributes.write_text(whole[:-3])
        draw_picture(50).save(faces / "img_align_celeba" / "000005.jpg")
        assert "list_attr_celeba.txt, line 6" in process.sentence()
        attributes.write_text(whole + "000005.jpg 1 -1 1\n")
        assert process.batch() == {"found": 1, "encoded": 1}
    with Index.open(index) as opened:
        last = opened.id_of(faces / "img_align_celeba" / "000005.jpg")
        assert last is not None
        assert opened.labels([last])[last] == {"Smiling": 1, "Young": 0, "Eyeglasses": 1}


def test_an_empty_folder_can_be_watched_and_a_deleted_index_is_made_anew(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with followed(tmp_path / "index", bundle, tmp_path / "pictures") as process:
        assert process.batch() == {}
        draw_picture(50).save(tmp_path / "pictures" / "first.jpg")
        assert process.batch() == {"found": 1, "encoded": 1}
        shutil.rmtree(tmp_path / "index")
        draw_picture(51).save(tmp_path / "pictures" / "second.jpg")
        assert process.batch() == {"found": 2, "encoded": 2}


def test_a_killed_one_leaves_the_index_sound(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    with followed(tmp_path / "index", bundle, pictures) as process:
        process.batch()
        make_folder(pictures / "more", 20, seed=1)
        process.batch()
        process.end()
    summary = json.loads(latentsearch("index", pictures, "--index", tmp_path / "index", "--json"))
    assert summary["found"] == COUNT + 20 == summary["encoded"] + summary["unchanged"]
    assert_as_an_ordinary_run(tmp_path / "index", bundle, tmp_path / "other", pictures)


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [("nowhere", "nowhere: no such file or folder"), ("pictures/000001.jpg", "only folders are watched")],
)
def test_what_cannot_be_watched_is_one_sentence(
    pictures: Path, bundle: Path, tmp_path: Path, folder: str, sentence: str
) -> None:
    words = ["index", "--watch", str(tmp_path / folder), "--index", str(tmp_path / "index"), "--encoder", str(bundle)]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert sentence in result.stderr
    assert not (tmp_path / "index").exists()


def test_without_the_extra_it_is_one_sentence(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["index", "--watch", str(pictures), "--index", str(tmp_path / "index")])
    assert result.exit_code == 8
    assert result.stderr == "latentsearch: watchfiles is not installed: pip install 'latentsearch[watch]'\n"


def test_one_changed_file_among_many_asks_for_that_one_alone(
    pictures: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pass over the folder, nor over the catalogue: the batch looks at one file and reads no image's row but its."""
    from indexer.encoders.encoder import load_encoder
    from indexer.files.discover import FolderNames
    from indexer.pipeline.run import IndexOptions, index_scope
    from indexer.pipeline.scope import Scope

    latentsearch("index", pictures, "--index", tmp_path / "index", "--encoder", bundle)
    draw_picture(50).save(pictures / "000001.jpg")
    listed: list[str] = []
    asked: list[int] = []
    scandir = os.scandir

    def noting(ask: Callable[[Catalog, Any], Sized]) -> Callable[[Catalog, Any], Sized]:
        def noted(catalog: Catalog, query: Any) -> Sized:
            answer = ask(catalog, query)
            asked.append(len(answer))
            return answer

        return noted

    monkeypatch.setattr(os, "scandir", lambda folder: (listed.append(folder), scandir(folder))[1])
    monkeypatch.setattr(Statements, "rows", noting(Statements.rows))
    monkeypatch.setattr(Images, "at", noting(Images.at))
    encoder = load_encoder(bundle)
    with IndexWriter.create(tmp_path / "index", encoder) as index:
        listed.clear()
        scope = Scope([pictures], [str(pictures / "000001.jpg")], FolderNames())
        summary = index_scope(index, encoder, scope, IndexOptions())
    assert (summary.found, summary.encoded, summary.changed, listed) == (1, 1, 1, [])
    assert max(asked) == 1


def test_what_is_left_out_makes_no_batch_until_an_ignore_file_changes(
    pictures: Path, bundle: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    with followed(index, bundle, pictures, options=("--exclude", "*.tmp.jpg")) as process:
        process.batch()
        for name in ("a.tmp.jpg", "@eaDir/a.jpg", "private/b.jpg"):
            (pictures / name).parent.mkdir(exist_ok=True)
            if name.startswith("private"):
                (pictures / "private" / IGNORE_FILE).write_text("b.jpg\n")
            draw_picture(len(name)).save(pictures / name)
        draw_picture(50).save(pictures / "no suffix", "JPEG")
        # All is gone through where the new ignore file is heard of by itself, and not with its new folder.
        assert process.batches_until("encoded")["encoded"] == 1
        (pictures / "private" / IGNORE_FILE).unlink()
        assert process.batches_until("encoded")["encoded"] == 1
        assert {os.path.relpath(path, pictures) for path in ids(index)} >= {"no suffix", "private/b.jpg"}
        assert len(ids(index)) == COUNT + 2
        (pictures / "no suffix").write_text("no picture any more")
        assert process.batches_until("vanished") == {"vanished": 1}


def test_a_watched_folder_that_loses_everything_is_not_pruned(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    made = make_folder(folder, 3)
    with followed(tmp_path / "index", bundle, folder, options=("--prune",)) as process:
        process.batch(), process.sentence()
        made[0].unlink()
        assert process.batches_until("removed") == {"vanished": 1, "removed": 1}
        folder.rename(tmp_path / "away")
        folder.mkdir()
        assert process.batches_until("vanished", 2) == {"vanished": 2}
        assert "--prune would remove all 2 pictures of" in process.sentence()
        assert len(ids(tmp_path / "index")) == 2
        folder.rmdir()
        (tmp_path / "away").rename(folder)
        assert process.batches_until("unchanged", 2)["unchanged"] == 2
