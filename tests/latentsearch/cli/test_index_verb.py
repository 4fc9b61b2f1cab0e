"""`latentsearch index`, `status`, `remove` and `check`, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from latentsearch.cli import main
from tests.hostile import draw_hostile
from tests.support import draw_picture, make_bundle, make_celeba, make_folder

COUNTED = ("found", "encoded", "copied", "unchanged", "moved", "changed", "failed", "failed_before")
COUNT = 8


@dataclass(frozen=True)
class Place:
    """A folder of pictures, 000001.jpg and so on, and where its index goes."""

    pictures: Path
    index: Path
    bundle: Path

    def call(self, verb: str, *arguments: str | Path) -> Result:
        words = [verb, *map(str, arguments), "--index", str(self.index)]
        return CliRunner().invoke(main, words, prog_name="latentsearch")

    def json(self, verb: str, *arguments: str | Path) -> dict[str, Any]:
        result = self.call(verb, *arguments, "--json")
        assert result.exit_code == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def run(self, *arguments: str | Path) -> dict[str, Any]:
        """Index the folder; the counters that are not 0."""
        summary = self.json("index", self.pictures, *arguments)
        assert summary["found"] == sum(summary[name] for name in ("encoded", "copied", "unchanged", "moved", "failed"))
        return {name: count for name, count in summary.items() if isinstance(count, int) and count}

    def picture(self, number: int) -> Path:
        return self.pictures / f"{number:06}.jpg"

    def ids(self) -> dict[str, int]:
        with Index.open(self.index) as index:
            return {Path(record.path).name: record.id for record in index.catalog.images.all()}

    def labels(self) -> dict[str, dict[str, Any]]:
        with Index.open(self.index) as index:
            names = {record.id: Path(record.path).name for record in index.catalog.images.all()}
            return {names[image_id]: labels for image_id, labels in index.labels(list(names)).items()}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def empty(tmp_path: Path, bundle: Path) -> Place:
    """Pictures, but no index yet."""
    make_folder(tmp_path / "pictures", COUNT)
    return Place(tmp_path / "pictures", tmp_path / "index", bundle)


@pytest.fixture
def place(empty: Place) -> Place:
    """Pictures that have been indexed."""
    assert empty.run("--encoder", empty.bundle) == {"found": COUNT, "encoded": COUNT}
    return empty


def test_the_summary_tells_what_was_done(empty: Place) -> None:
    summary = empty.json("index", empty.pictures, "--encoder", empty.bundle)
    assert {name: summary[name] for name in COUNTED} == dict.fromkeys(COUNTED, 0) | {"found": COUNT, "encoded": COUNT}
    assert set(summary["seconds"]) == {"walk", "decode", "encode", "store", "total"}
    assert summary["images_per_second"] > 0
    again = empty.call("index", empty.pictures)
    assert again.stdout.splitlines()[0].startswith(f"{COUNT} pictures found in ")
    assert again.stdout.splitlines()[1:] == [f"{COUNT} were unchanged"]


def test_unchanged_files_are_left_alone_even_where_only_their_time_changed(place: Place) -> None:
    assert place.run() == {"found": COUNT, "unchanged": COUNT}
    os.utime(place.picture(1))
    assert place.run() == {"found": COUNT, "unchanged": COUNT}
    assert place.run() == {"found": COUNT, "unchanged": COUNT}


def test_changed_files_are_encoded_again_under_a_new_id(place: Place) -> None:
    before = place.ids()
    draw_picture(99).save(place.picture(2))
    assert place.run() == {"found": COUNT, "encoded": 1, "unchanged": COUNT - 1, "changed": 1}
    after = place.ids()
    assert after.pop("000002.jpg") not in before.values()
    assert after == {name: number for name, number in before.items() if name != "000002.jpg"}
    first = place.json("query", place.picture(2))["results"][0]
    assert (first["path"], first["distance"] < 1e-3) == (str(place.picture(2)), True)


def test_moved_files_keep_their_id(place: Place) -> None:
    before = place.ids()
    (place.pictures / "deeper").mkdir()
    place.picture(3).rename(place.pictures / "deeper" / "third.jpg")
    assert place.run() == {"found": COUNT, "unchanged": COUNT - 1, "moved": 1}
    assert place.ids()["third.jpg"] == before["000003.jpg"]
    assert len(place.ids()) == COUNT


def test_files_moved_out_of_another_folder_keep_their_id(place: Place, tmp_path: Path) -> None:
    before = place.ids()
    (tmp_path / "elsewhere").mkdir()
    place.picture(3).rename(tmp_path / "elsewhere" / "third.jpg")
    summary = place.json("index", tmp_path / "elsewhere")
    assert (summary["moved"], summary["encoded"], summary["vanished"]) == (1, 0, 0)
    assert place.ids()["third.jpg"] == before["000003.jpg"]


def test_copies_get_the_code_of_their_original(place: Place) -> None:
    shutil.copy(place.picture(4), place.pictures / "copy.jpg")
    assert place.run() == {"found": COUNT + 1, "copied": 1, "unchanged": COUNT}
    first, second, *_ = place.json("query", "--id", str(place.ids()["copy.jpg"]))["results"]
    assert {first["distance"], second["distance"]} == {0}


def test_names_that_were_exchanged(place: Place) -> None:
    first, second, spare = place.picture(1), place.picture(2), place.pictures / "spare"
    first.rename(spare), second.rename(first), spare.rename(second)
    assert place.run() == {"found": COUNT, "copied": 2, "unchanged": COUNT - 2, "changed": 2}
    for path in (first, second):
        hit = place.json("query", path)["results"][0]
        assert (hit["path"], hit["distance"] < 1e-3) == (str(path), True)


def test_a_file_moved_onto_another(place: Place) -> None:
    before = place.ids()
    place.picture(1).replace(place.picture(2))
    assert place.run() == {"found": COUNT - 1, "moved": 1, "unchanged": COUNT - 2}
    assert place.ids()["000002.jpg"] == before["000001.jpg"]
    assert place.json("status")["images"] == COUNT - 1


def test_vanished_files_are_reported_and_removed_with_prune(place: Place, tmp_path: Path) -> None:
    place.picture(5).unlink()
    assert place.run() == {"found": COUNT - 1, "unchanged": COUNT - 1, "vanished": 1}
    assert place.json("status")["images"] == COUNT
    make_folder(tmp_path / "other", 1, seed=5)
    assert place.json("index", tmp_path / "other", "--prune")["removed"] == 0
    assert place.run("--prune") == {"found": COUNT - 1, "unchanged": COUNT - 1, "vanished": 1, "removed": 1}
    assert place.json("status")["images"] == COUNT
    assert "1 have vanished" not in place.call("index", place.pictures).stdout


def test_failures_are_not_tried_again_until_they_change_and_leave_when_they_are_fixed(place: Place) -> None:
    bad, gone = place.pictures / "bad.jpg", place.pictures / "gone.jpg"
    bad.write_text("not a picture")
    gone.write_text("not a picture either")
    assert place.run() == {"found": COUNT + 2, "unchanged": COUNT, "failed": 2}
    assert place.run() == {"found": COUNT + 2, "unchanged": COUNT, "failed": 2, "failed_before": 2}
    assert "2 of these have not changed since they failed" in place.call("index", place.pictures).stdout
    assert place.call("status", "--failures").stdout == (
        f"{bad}: not a picture: it holds text\n{gone}: not a picture: it holds text\n"
    )
    gone.unlink()
    draw_picture(50).save(bad)
    assert place.run() == {"found": COUNT + 1, "encoded": 1, "unchanged": COUNT}
    assert place.call("status", "--failures").stdout == "every file could be used\n"


def test_a_picture_that_was_damaged_leaves_the_index(place: Place) -> None:
    place.picture(6).write_bytes(b"")
    assert place.run() == {"found": COUNT, "unchanged": COUNT - 1, "failed": 1}
    status = place.json("status", "--failures")
    assert (status["images"], status["failures"]) == (COUNT - 1, 1)
    assert status["failed"] == [{"path": str(place.picture(6)), "reason": "the file is empty", "may_pass": False}]


def test_hostile_files_among_good_ones(empty: Place) -> None:
    hostile = draw_hostile(empty.pictures / "odd")
    summary = empty.json("index", empty.pictures, "--encoder", empty.bundle)
    good = {str(empty.pictures / "odd" / name) for name in hostile.good}
    good |= {str(path) for path in empty.pictures.iterdir() if path.is_file()}
    with Index.open(empty.index) as index:
        assert {record.path for record in index.catalog.images.all()} == good
        reasons = {failure.path: failure.reason for failure in index.failures()}
    assert set(reasons) == {str(empty.pictures / "odd" / name) for name in hostile.bad}
    for name, reason in hostile.bad.items():
        assert reason in reasons[str(empty.pictures / "odd" / name)]
    assert summary["failed"] == len(hostile.bad) >= 40
    assert empty.call("status", "--failures").stdout.count("\n") == len(hostile.bad)
    assert empty.call("check").exit_code == 0


def test_celeba_brings_its_labels(tmp_path: Path, bundle: Path) -> None:
    make_celeba(tmp_path / "faces", 4)
    place = Place(tmp_path / "faces", tmp_path / "index", bundle)
    place.run("--encoder", bundle)
    expected = {"Smiling": 1, "Young": 1, "Eyeglasses": 0, "partition": 0, "identity": 2}
    assert place.labels()["000004.jpg"] == expected
    attributes = place.pictures / "list_attr_celeba.txt"
    attributes.write_text(attributes.read_text().replace("000004.jpg 1", "000004.jpg -1"))
    assert place.run() == {"found": 4, "unchanged": 4}
    assert place.labels()["000004.jpg"] == expected | {"Smiling": 0}


def test_labels_of_a_csv_reach_new_old_and_moved_pictures(place: Place) -> None:
    table = place.pictures / "labels.csv"
    table.write_text("file,mood\n000001.jpg,glad\n000009.jpg,calm\nmoved.jpg,sad\n")
    assert place.run("--labels", table) == {"found": COUNT, "unchanged": COUNT}
    assert place.labels() == {"000001.jpg": {"mood": "glad"}}
    draw_picture(60).save(place.picture(9))
    place.picture(2).rename(place.pictures / "moved.jpg")
    place.run()
    assert place.labels() == {"000001.jpg": {"mood": "glad"}}
    place.run("--labels", table)
    assert place.labels() == {
        "000001.jpg": {"mood": "glad"},
        "000009.jpg": {"mood": "calm"},
        "moved.jpg": {"mood": "sad"},
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["empty"], "no pictures in empty"),
        (["pictures", "--labels", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        (["pictures", "--encoder", "nonsense"], "no encoder 'nonsense'"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_index(
    empty: Place, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(empty.pictures.parent)
    Path("empty").mkdir()
    result = empty.call("index", "--encoder", empty.bundle, *arguments)
    assert result.exit_code == (4 if "nonsense" in sentence else 2)
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not empty.index.exists()


def test_another_encoder_is_refused(place: Place, tmp_path: Path) -> None:
    other = make_bundle(tmp_path, name="other", seed=1)
    result = place.call("index", place.pictures, "--encoder", other)
    assert (result.exit_code, result.stderr.count("\n")) == (4, 1)


def test_another_writer_is_named(place: Place) -> None:
    with IndexWriter.open(place.index):
        result = place.call("index", place.pictures)
    assert result.exit_code == 7
    assert f"process {os.getpid()} on " in result.stderr


def test_a_full_disk_keeps_what_was_committed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> range:
        raise OSError(28, "No space left on device")

    make_folder(place.pictures / "more", 3, seed=7)
    with monkeypatch.context() as patch:
        patch.setattr("indexer.vectors.code_file.CodeWriter.append", full)
        result = place.call("index", place.pictures)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "no space left" in result.stderr
    assert place.json("status")["images"] == COUNT
    assert place.run() == {"found": COUNT + 3, "encoded": 3, "unchanged": COUNT}


def test_a_picture_for_which_the_encoder_has_no_code_is_a_failure(
    empty: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer.encoders.encoder import Encoder
    from indexer.errors import EncoderError

    encode = Encoder.encode

    def refuse_dark(encoder: Encoder, images: Any) -> Any:
        if (images.reshape(len(images), -1).max(axis=1) == 0).any():
            raise EncoderError("not finite")
        return encode(encoder, images)

    monkeypatch.setattr(Encoder, "encode", refuse_dark)
    draw_picture(1).point(lambda _: 0).save(empty.picture(3))
    assert empty.run("--encoder", empty.bundle) == {"found": COUNT, "encoded": COUNT - 1, "failed": 1}
    assert "no finite code" in empty.call("status", "--failures").stdout


def test_status(place: Place) -> None:
    status = place.json("status")
    assert (status["images"], status["failures"], status["labels"]) == (COUNT, 0, [])
    assert status["encoder"]["name"] == "tiny"
    assert status["bytes"]["codes.f32"] == COUNT * 16 * 4
    assert time.time() - status["last_added"] < 600
    assert f"pictures    {COUNT}" in place.call("status").stdout.splitlines()


@pytest.mark.parametrize("verb", [["status"], ["check"], ["remove", "a.jpg"], ["query", "--id", "1"]])
def test_no_index_is_one_sentence(tmp_path: Path, bundle: Path, verb: list[str]) -> None:
    result = Place(tmp_path, tmp_path / "index", bundle).call(*verb)
    assert (result.exit_code, result.stderr.count("\n")) == (5, 1)
    assert "no index at" in result.stderr


def test_remove_files_and_folders(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.pictures)
    assert place.call("remove", "000001.jpg").stdout == "1 picture removed\n"
    result = place.call("remove", "000001.jpg")
    assert result.exit_code == 2
    assert "000001.jpg is not in the index" in result.stderr
    assert place.call("remove", ".").stdout == f"{COUNT - 1} pictures removed\n"
    assert len(list(place.pictures.iterdir())) == COUNT
    assert place.run() == {"found": COUNT, "encoded": COUNT}


def test_check_rebuilds_and_reports(place: Place) -> None:
    (place.index / "vectors.faiss").unlink()
    assert "rebuilt: vectors.faiss, which was missing or stale" in place.call("check").stdout.splitlines()
    assert place.json("check")["rebuilt"] == []
    os.truncate(place.index / "codes.f32", 100)
    result = place.call("check")
    assert result.exit_code == 6
    assert "damaged: codes.f32 ends after 1 codes: those of 7 images are lost" in result.stdout.splitlines()
    assert result.stderr.count("\n") == 1


def test_a_damaged_catalogue_is_one_sentence(place: Place) -> None:
    path = place.index / "catalog.sqlite"
    path.write_bytes(b"garbage" * 10_000)
    for verb in ("check", "status"):
        result = place.call(verb)
        assert (result.exit_code, result.stderr.count("\n")) == (6, 1)
