"""`latentsearch attributes`, `index --predict-labels` and `query --set-by BUNDLE`, on pictures of one colour."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
from PIL import Image

from indexer.encoders.attributes import load_attribute_encoder
from indexer.encoders.encoder import load_encoder
from indexer.encoders.generator import load_generator
from indexer.index.writer import IndexWriter
from indexer.pipeline import predict_labels
from indexer.workers import tasks
from latentsearch.attributes.redraw import Redrawing
from latentsearch.notation import Change
from tests.deadly import DEADLY_SIZE, DeadlyFraming
from tests.latentsearch.collection import call
from tests.support import ATTRIBUTES, make_bundle

COLOURS = {"black": (0, 0, 0), "red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250), "yellow": (250, 250, 0)}
SEEN = {name: {label: int(part > 0) for label, part in zip(ATTRIBUTES, COLOURS[name], strict=True)} for name in COLOURS}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        picture = Image.new("RGB", (64, 64), colour)
        picture.putpixel((0, 0), (9, 9, 9))  # so that no two codes are both nothing
        picture.save(folder / f"{name}.png")
    return folder


@pytest.fixture
def predictor(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundles", "predictor", "euclidean", generator=True, attributes=True)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def labels_of(index: Path, picture: Path) -> tuple[dict[str, object], list[str]]:
    """The labels of one picture in the index, and which of them are predicted."""
    done = call("query", picture, "-k", "1", "--index", index, "--json")
    assert done.exit_code == 0, done.stderr
    (hit,) = json.loads(done.stdout)["results"]
    assert hit["path"] == str(picture)
    return hit["labels"], hit.get("predicted", [])


def test_attributes_of_pictures_as_json_and_as_lines(pictures: Path, predictor: Path) -> None:
    files = (pictures / "red.png", pictures / "yellow.png")
    done = call("attributes", *files, "--encoder", predictor, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["path"] for one in told] == list(map(str, files)) and told[0]["encoder"] == "predictor"
    assert {name: seen["holds"] for name, seen in told[1]["labels"].items()} == {
        "Smiling": True,
        "Young": True,
        "Eyeglasses": False,
    }
    assert told[0]["labels"]["Smiling"]["value"] == pytest.approx(250 / 255, abs=1e-3)
    lines = call("attributes", files[0], "--encoder", predictor).stdout.splitlines()
    assert [line.split("\t")[:3] for line in lines] == [
        [str(files[0]), "Smiling", "1"],
        [str(files[0]), "Young", "0"],
        [str(files[0]), "Eyeglasses", "0"],
    ]


def test_attributes_need_no_torch_and_print_a_table_in_a_terminal(pictures: Path, predictor: Path) -> None:
    words = ["attributes", str(pictures / "red.png"), "--encoder", str(predictor)]
    code = f"import sys; sys.modules['torch'] = None\nfrom latentsearch.cli import main; main({words})"
    ours, theirs = pty.openpty()
    plain = {**os.environ, "TERM": "dumb"}
    done = subprocess.run([sys.executable, "-c", code], stdout=theirs, stderr=subprocess.PIPE, text=True, env=plain)
    os.close(theirs)
    told = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == 0, done.stderr
    assert told.splitlines()[0].split() == ["attribute", "red.png"]
    assert "Smiling" in told and "0.98" in told.splitlines()[1]


def test_an_encoder_without_attributes_and_a_broken_picture_are_one_sentence(pictures: Path, tmp_path: Path) -> None:
    plain = make_bundle(tmp_path / "bundles", "plain")
    done = call("attributes", pictures / "red.png", "--encoder", plain)
    assert done.exit_code == 4 and "tells no attributes" in done.stderr and done.stderr.count("\n") == 1
    predictor = make_bundle(tmp_path / "bundles", "predictor", attributes=True)
    (pictures / "broken.png").write_bytes(b"no picture")
    for name, status in (("broken.png", 3), ("nowhere.png", 2)):
        done = call("attributes", pictures / name, "--encoder", predictor)
        assert done.exit_code == status and name in done.stderr and done.stderr.count("\n") == 1
    model = json.loads((predictor / "model.json").read_text())
    model["attributes"]["labels"].append("Bald")
    (predictor / "model.json").write_text(json.dumps(model))
    done = call("attributes", pictures / "red.png", "--encoder", predictor)
    assert done.exit_code == 4 and "another number of labels" in done.stderr


def test_predicted_labels_are_stored_and_told_as_predicted(pictures: Path, predictor: Path, index: Path) -> None:
    made = call("index", pictures, "--encoder", predictor, "--index", index, "--predict-labels", predictor, "--json")
    assert made.exit_code == 0 and json.loads(made.stdout)["predicted"] == 5, made.stderr
    for name in COLOURS:
        assert labels_of(index, pictures / f"{name}.png") == (SEEN[name], list(ATTRIBUTES))
    told = {label["name"]: label for label in json.loads(call("labels", "--index", index, "--json").stdout)}
    assert told["Smiling"]["predicted"] == told["Smiling"]["count"] == 5
    assert "2 yes, 3 no (5 predicted)" in call("labels", "--index", index).stdout
    status = call("status", "--index", index)
    assert "some are predicted by predictor" in status.stdout
    assert json.loads(call("status", "--index", index, "--json").stdout)["predicted_by"]["name"] == "predictor"
    found = call("query", pictures / "red.png", "--index", index, "--where", "Young=1", "--csv").stdout
    assert {Path(row["path"]).stem for row in csv.DictReader(io.StringIO(found))} == {"green", "yellow"}


def test_a_given_label_is_never_replaced_by_a_predicted_one(pictures: Path, predictor: Path, index: Path) -> None:
    table = index.parent / "labels.csv"
    table.write_text("file,Smiling\nred.png,0\n")
    words = ("index", pictures, "--encoder", predictor, "--index", index)
    assert call(*words, "--predict-labels", predictor, "--labels", table).exit_code == 0
    expected = ({**SEEN["red"], "Smiling": 0}, ["Young", "Eyeglasses"])
    assert labels_of(index, pictures / "red.png") == expected
    table.write_text("file,Smiling\nred.png,0\ngreen.png,1\n")  # and takes the place of one that was predicted before
    assert call(*words, "--labels", table).exit_code == 0
    assert labels_of(index, pictures / "green.png") == ({**SEEN["green"], "Smiling": 1}, ["Young", "Eyeglasses"])
    told = {label["name"]: label for label in json.loads(call("labels", "--index", index, "--json").stdout)}
    assert (told["Smiling"]["count"], told["Smiling"]["predicted"]) == (5, 3)
    assert labels_of(index, pictures / "red.png") == expected


def test_later_pictures_are_predicted_by_a_later_run_alone(pictures: Path, predictor: Path, index: Path) -> None:
    words = ("index", pictures, "--encoder", predictor, "--index", index, "--json")
    assert json.loads(call(*words).stdout)["predicted"] == 0
    assert labels_of(index, pictures / "red.png") == ({}, [])
    assert json.loads(call(*words, "--predict-labels", predictor).stdout)["predicted"] == 5
    assert json.loads(call(*words, "--predict-labels", predictor).stdout)["predicted"] == 0
    Image.new("RGB", (64, 64), (250, 250, 250)).save(pictures / "red.png")  # another content
    assert json.loads(call(*words, "--predict-labels", predictor).stdout)["predicted"] == 1
    assert labels_of(index, pictures / "red.png")[0] == dict.fromkeys(ATTRIBUTES, 1)


def test_a_prediction_that_was_stopped_goes_on_where_it_was(
    pictures: Path, predictor: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_labels, "IMAGES_AT_ONCE", 2)
    call("index", pictures, "--encoder", predictor, "--index", index)
    stop, looked_at = threading.Event(), []

    def report(done: int, total: int | None) -> None:
        looked_at.append((done, total))
        stop.set()

    with IndexWriter.create(index, load_encoder(predictor)) as opened:
        assert predict_labels.predict_labels(opened, load_attribute_encoder(predictor), stop, report) == 2
    assert looked_at == [(2, 5)]
    words = ("index", pictures, "--encoder", predictor, "--index", index, "--predict-labels", predictor, "--json")
    assert json.loads(call(*words).stdout)["predicted"] == 3
    assert labels_of(index, pictures / "black.png") == (SEEN["black"], list(ATTRIBUTES))


def test_a_prediction_that_is_interrupted_within_a_part_loses_and_repeats_nothing(
    pictures: Path, predictor: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "CHUNK_FILES", 1)
    call("index", pictures, "--encoder", predictor, "--index", index)
    stop = threading.Event()
    with IndexWriter.create(index, load_encoder(predictor)) as opened:
        first = predict_labels.predict_labels(
            opened, load_attribute_encoder(predictor), stop, lambda done, total: stop.set()
        )
        assert first < 5
        stop.clear()
        assert predict_labels.predict_labels(opened, load_attribute_encoder(predictor), stop) == 5 - first
    for name in COLOURS:
        assert labels_of(index, pictures / f"{name}.png") == (SEEN[name], list(ATTRIBUTES))


def test_pictures_that_crash_their_decoder_or_changed_since_are_left_without_labels(
    pictures: Path, predictor: Path, index: Path
) -> None:
    Image.new("RGB", DEADLY_SIZE, (250, 0, 0)).save(pictures / "deadly.png")
    call("index", pictures, "--encoder", predictor, "--index", index)
    Image.new("RGB", (64, 64), (250, 250, 250)).save(pictures / "red.png")
    (pictures / "blue.png").unlink()
    dying = load_attribute_encoder(predictor)
    dying.framing = DeadlyFraming(64, 64)
    with IndexWriter.create(index, load_encoder(predictor)) as opened:
        assert predict_labels.predict_labels(opened, dying, threading.Event()) == 3
        ids = {Path(record.path).stem: record.id for record in opened.catalog.images.all()}
        told = opened.labels(list(ids.values()))
    assert {name: told.get(image_id, {}) for name, image_id in ids.items()} == {
        **{name: SEEN[name] for name in ("black", "green", "yellow")},
        **{name: {} for name in ("red", "blue", "deadly")},
    }


def test_one_broken_picture_of_several_is_told_and_the_others_are_looked_at(pictures: Path, predictor: Path) -> None:
    (pictures / "broken.png").write_bytes(b"no picture")
    files = [pictures / f"{name}.png" for name in ("red", "broken", "green", "red")]
    done = call("attributes", *files, "--encoder", predictor, "--json")
    assert done.exit_code == 0
    assert [one["path"] for one in json.loads(done.stdout)] == [str(files[place]) for place in (0, 2, 3)]
    assert done.stderr == f"latentsearch: {files[1]}: not a picture: it holds text\n"
    done = call("attributes", files[1], files[1], "--encoder", predictor)
    assert done.exit_code == 3 and done.stdout == "" and done.stderr.count("\n") == 1


def test_another_predictor_replaces_what_the_first_one_said(pictures: Path, predictor: Path, index: Path) -> None:
    words = ("index", pictures, "--encoder", predictor, "--index", index, "--json")
    call(*words, "--predict-labels", predictor)
    other = make_bundle(predictor.parent, "other", attributes=True)
    graph = other / "attributes.onnx"
    model = onnx.load(graph)
    model.producer_name = "another file"
    graph.write_bytes(model.SerializeToString())
    about = json.loads((other / "model.json").read_text())
    about["files"]["attributes.onnx"]["sha256"] = hashlib.sha256(graph.read_bytes()).hexdigest()
    about["attributes"]["labels"] = ["Red", "Green", "Blue"]
    (other / "model.json").write_text(json.dumps(about))
    assert json.loads(call(*words, "--predict-labels", other).stdout)["predicted"] == 5
    labels, predicted = labels_of(index, pictures / "red.png")
    assert labels == {"Red": 1, "Green": 0, "Blue": 0} and predicted == ["Red", "Green", "Blue"]


def test_predicted_labels_are_exported_apart_from_given_ones(
    pictures: Path, predictor: Path, index: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = tmp_path / "labels.csv"
    table.write_text("file,Smiling\nred.png,0\n")
    call("index", pictures, "--encoder", predictor, "--index", index, "--predict-labels", predictor, "--labels", table)
    assert call("export", "-o", tmp_path / "codes.parquet", "--index", index).exit_code == 0
    rows = parquet.read_table(tmp_path / "codes.parquet", columns=["path", "labels", "predicted_labels"]).to_pylist()
    given = {Path(row["path"]).stem: row["labels"] for row in rows}
    assert given["red"] == {"Smiling": 0} and given["green"] == {"Smiling": None}
    predicted = {Path(row["path"]).stem: row["predicted_labels"] for row in rows}
    assert predicted["red"] == {**SEEN["red"], "Smiling": None} and predicted["green"] == SEEN["green"]


def test_a_query_can_be_drawn_anew_with_labels_set(
    pictures: Path, predictor: Path, index: Path, tmp_path: Path
) -> None:
    search = make_bundle(tmp_path / "bundles", "search", "euclidean", seed=3)
    assert call("index", pictures, "--encoder", search, "--index", index).exit_code == 0

    def nearest(*words: object) -> str:
        done = call("query", *words, "-k", "1", "--index", index, "--json")
        assert done.exit_code == 0, done.stderr
        return Path(json.loads(done.stdout)["results"][0]["path"]).stem

    red = pictures / "red.png"
    assert nearest(red) == "red"
    assert nearest(red, "--set", "Young=1", "--set-by", predictor) == "yellow"
    assert nearest(red, "--set", "Smiling=0", "--set", "Eyeglasses=1", "--set-by", predictor) == "blue"
    only = tmp_path / "only"
    only.mkdir()
    (only / "red.png").write_bytes(red.read_bytes())
    done = call(
        "query", "--batch", only, "-k", "1", "--index", index, "--set", "Young=1", "--set-by", predictor, "--json"
    )
    assert Path(json.loads(done.stdout)["results"][0]["path"]).stem == "yellow", done.stderr


def test_what_cannot_be_drawn_anew_is_one_sentence(
    pictures: Path, predictor: Path, index: Path, tmp_path: Path
) -> None:
    call("index", pictures, "--encoder", predictor, "--index", index)
    red, whitened = pictures / "red.png", make_bundle(tmp_path / "w", "white", generator=True, attributes=True)
    for words, status, said in (
        ((red, "--set", "Bald=1", "--set-by", predictor), 2, "cannot set Bald: it learned with Smiling"),
        (("--id", "1", "--set", "Young=1", "--set-by", predictor), 2, "only its code"),
        ((red, "--set-by", predictor), 2, "--set-by needs a label to set"),
        ((red, "--set", "Young=1", "--set-by", whitened), 4, "no codes that a generator redraws"),
        ((red, "--set", "Young=1", "--set-by", "contrastive"), 4, "tells no attributes"),
        ((red, "--set", "Young=1", "--set-by", tmp_path / "nowhere"), 4, "no encoder"),
    ):
        done = call("query", *words, "--index", index)
        assert done.exit_code == status and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_generator_with_labels_draws_with_those_of_training_pictures(predictor: Path) -> None:
    drawn = {tuple(picture[0, 0] // 255) for picture in load_generator(predictor).draw(40, seed=1)}
    assert drawn == {(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)}


def test_redrawing_keeps_what_is_not_set(predictor: Path) -> None:
    pixels = np.full((2, 64, 64, 3), (200, 0, 51), np.uint8)
    redrawn = Redrawing(str(predictor), [Change("Young", 1)]).redraw(pixels)
    assert redrawn.shape == pixels.shape and np.abs(redrawn.astype(int) - (200, 255, 51)).max() <= 1


def test_a_label_is_set_further_until_it_is_seen(predictor: Path) -> None:
    class Faint:
        """Draws two fifths of each label."""

        asked: ClassVar[list[int]] = []

        def generate(self, codes: np.ndarray) -> np.ndarray:
            self.asked.append(len(codes))
            colours = (np.clip(codes[:, -3:] * 0.4, 0, 1) * 255).round().astype(np.uint8)
            return np.broadcast_to(colours[:, None, None], (len(codes), 64, 64, 3))

    redrawing = Redrawing(str(predictor), [Change("Young", 1)])
    redrawing._generator = Faint()  # type: ignore[assignment]
    redrawn = redrawing.redraw(np.zeros((3, 64, 64, 3), np.uint8))
    assert Faint.asked == [3, 3] and np.abs(redrawn.astype(int) - (0, 153, 0)).max() <= 1
