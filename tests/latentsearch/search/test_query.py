"""`latentsearch query`, through the command line, on an index of drawn pictures."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.latentsearch.collection import COUNT, Collection, assert_fails, call, make_collection
from tests.support import draw_picture, make_bundle, make_celeba


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("collection"))


def test_an_indexed_picture_finds_itself_first(collection: Collection) -> None:
    for picture in collection.pictures[:4]:
        first, second, *_ = collection.json(picture)["results"]
        assert first["path"] == str(picture)
        assert first["distance"] < 1e-3 < second["distance"]


def test_json_tells_what_was_asked_and_how_long_it_took(collection: Collection) -> None:
    answer = collection.json(collection.pictures[3], "-k", "5")
    assert list(answer) == ["query", "encoder", "index", "took_ms", "results"]
    assert answer["query"] == str(collection.pictures[3])
    assert (answer["encoder"], answer["index"]) == ("tiny", str(collection.index))
    assert list(answer["took_ms"]) == ["load", "encode", "search"]
    assert all(spent > 0 for spent in answer["took_ms"].values())
    assert [hit["rank"] for hit in answer["results"]] == [1, 2, 3, 4, 5]
    assert list(answer["results"][0]) == ["rank", "id", "path", "distance", "similarity", "labels", "facts"]
    # Picture 3: bits 0 and 1 set, third partition of three from 0, second pair of pictures.
    expected = {"Smiling": 1, "Young": 1, "Eyeglasses": 0, "partition": 0, "identity": 2}
    assert answer["results"][0]["labels"] == expected


def test_similarity_falls_as_distance_grows_and_is_a_share(collection: Collection) -> None:
    hits = collection.json(collection.pictures[0])["results"]
    similarities = [hit["similarity"] for hit in hits]
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] == 1
    assert all(0 <= similarity <= 1 for similarity in similarities)


def test_similarity_is_the_share_of_random_pairs_that_are_farther_apart(collection: Collection) -> None:
    quantiles = json.loads((collection.bundle / "model.json").read_text())["random_pair_distances"]
    for hit in collection.json(collection.pictures[0])["results"][1:]:
        farther = sum(quantile > hit["distance"] for quantile in quantiles) / len(quantiles)
        assert hit["similarity"] == pytest.approx(farther, abs=0.01)


def test_an_id_gives_what_its_picture_gives(collection: Collection) -> None:
    by_picture = collection.json(collection.pictures[5])
    by_id = collection.json("--id", str(by_picture["results"][0]["id"]))
    assert by_id["query"] == str(collection.pictures[5])
    assert [hit["id"] for hit in by_id["results"]] == [hit["id"] for hit in by_picture["results"]]


def test_exclude_self_leaves_out_the_picture_and_its_copies(collection: Collection, tmp_path: Path) -> None:
    picture = collection.pictures[2]
    everything = collection.json(picture, "-k", str(COUNT))["results"]
    others = [hit["path"] for hit in everything[1:]]
    copy = shutil.copy(picture, tmp_path / "copy.jpg")
    for query in ([picture], [copy], ["--id", str(everything[0]["id"])]):
        found = collection.json(*query, "-k", str(COUNT - 1), "--exclude-self")["results"]
        assert [hit["path"] for hit in found] == others
        assert [hit["rank"] for hit in found] == list(range(1, COUNT))


def test_exclude_self_leaves_out_every_stored_copy(tmp_path: Path) -> None:
    pictures = make_celeba(tmp_path / "faces", 4)
    copies = [Path(shutil.copy(pictures[0], pictures[0].with_name(f"copy{number}.jpg"))) for number in range(3)]
    index = tmp_path / "index"
    assert call("index", tmp_path / "faces", "--index", index, "--encoder", make_bundle(tmp_path)).exit_code == 0
    for query in (pictures[0], copies[1]):
        result = call("query", query, "--index", index, "--exclude-self", "--paths", "-k", "2")
        assert set(result.stdout.splitlines()) <= set(map(str, pictures[1:]))
        assert len(result.stdout.splitlines()) == 2


def test_a_pipe_gets_lines(collection: Collection) -> None:
    result = collection.query(collection.pictures[3], "-k", "2")
    first, second = (line.split("\t") for line in result.stdout.splitlines())
    assert first[0] == "1" and second[0] == "2"
    assert first[4:] == [str(collection.pictures[3]), "Smiling, Young, partition=0, identity=2"]


def test_csv(collection: Collection) -> None:
    rows = list(csv.DictReader(io.StringIO(collection.query(collection.pictures[1], "--csv", "-k", "3").stdout)))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["path"] == str(collection.pictures[1])
    assert rows[0]["Smiling"] == "1"


def test_paths_each_end_with_a_newline_or_nul(collection: Collection) -> None:
    lines = collection.query(collection.pictures[1], "--paths", "-k", "3").stdout_bytes
    assert lines.count(b"\n") == 3
    assert collection.query(collection.pictures[1], "--paths", "-0", "-k", "3").stdout_bytes == lines.replace(
        b"\n", b"\0"
    )


def test_a_table_on_demand(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = collection.query(collection.pictures[3], "--table", "-k", "2").stdout.splitlines()
    assert lines[0].split() == ["rank", "id", "distance", "pairs", "as", "close", "path", "labels"]
    assert lines[1].split()[:4] == ["1", "4", "0.0000", "none"]
    assert "000004.jpg" in lines[1]
    assert "Smiling, Young" in lines[1]


def test_a_name_that_is_not_utf8_survives(tmp_path: Path) -> None:
    faces = tmp_path / "faces"
    faces.mkdir()
    name = os.fsencode(faces) + b"/caf\xe9\n1.jpg"
    draw_picture(1).save(tmp_path / "plain.jpg")
    os.rename(tmp_path / "plain.jpg", name)
    index = tmp_path / "index"
    assert call("index", faces, "--index", index, "--encoder", make_bundle(tmp_path)).exit_code == 0
    assert call("query", os.fsdecode(name), "--index", index, "--paths", "-0", "-k1").stdout_bytes == name + b"\0"
    answer = json.loads(call("query", os.fsdecode(name), "--index", index, "--json", "-k1").stdout_bytes)
    assert os.fsencode(answer["results"][0]["path"]) == name
    assert os.fsencode(answer["query"]) == name


def test_the_sheet_shows_query_and_results(collection: Collection, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    result = collection.query(collection.pictures[0], "-k", "5", "--sheet", target)
    assert result.exit_code == 0, result.stderr
    with Image.open(target) as sheet:
        assert sheet.mode == "RGB"
        # Six tiles: three columns, two rows. The query is the first, the picture itself the second.
        tile = sheet.width // 3
        assert sheet.width > sheet.height > tile
        first, second = (sheet.crop((x + 30, 30, x + tile - 30, tile - 30)) for x in (0, tile - 2))
        assert max(high for _, high in _differences(first, second)) < 90
        assert len(first.getcolors(1 << 20) or []) > 50


def _differences(first: Image.Image, second: Image.Image) -> list[tuple[int, int]]:
    from PIL import ImageChops

    return list(ImageChops.difference(first.resize((20, 20)), second.resize((20, 20))).getextrema())


def test_the_sheet_survives_a_result_whose_file_is_gone(tmp_path: Path) -> None:
    pictures = make_celeba(tmp_path / "faces", 3)
    index, target = tmp_path / "index", tmp_path / "sheet.jpg"
    assert call("index", tmp_path / "faces", "--index", index, "--encoder", make_bundle(tmp_path)).exit_code == 0
    pictures[2].unlink()
    result = call("query", pictures[0], "--index", index, "--sheet", target, "-k", "3")
    assert result.exit_code == 0, result.stderr
    assert target.exists()


def test_a_collection_smaller_than_k_says_so(collection: Collection) -> None:
    result = collection.query(collection.pictures[0], "-k", "50")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == COUNT
    assert result.stderr == f"latentsearch: {COUNT} of 50 pictures returned: the index has no more\n"


@pytest.mark.parametrize("k", ["0", "-3"])
def test_k_below_one(collection: Collection, k: str) -> None:
    assert_fails(collection.query(collection.pictures[0], "-k", k), 2, f"k is {k}")


def test_a_missing_picture(collection: Collection) -> None:
    assert_fails(collection.query("nowhere.jpg"), 2, "nowhere.jpg")


def test_a_folder_for_a_picture(collection: Collection) -> None:
    assert_fails(collection.query(collection.index), 2, "is a folder", "--batch")


def test_a_file_that_is_no_picture(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    assert_fails(collection.query(tmp_path / "text.jpg"), 3, "text.jpg")


def test_an_id_that_is_not_there(collection: Collection) -> None:
    assert_fails(collection.query("--id", "9999"), 2, "9999")


def test_no_index(collection: Collection, tmp_path: Path) -> None:
    result = call("query", collection.pictures[0], "--index", tmp_path / "none")
    assert_fails(result, 5, str(tmp_path / "none"), "latentsearch index")
    assert not (tmp_path / "none").exists()


def test_an_empty_index(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    call("index", tmp_path / "nothing", "--index", tmp_path / "index", "--encoder", collection.bundle)
    assert_fails(call("query", collection.pictures[0], "--index", tmp_path / "index"), 5, "latentsearch index")


def test_another_encoder_is_refused(collection: Collection, tmp_path: Path) -> None:
    other = make_bundle(tmp_path, name="other", seed=1)
    assert_fails(collection.query(collection.pictures[0], "--encoder", other), 4, "other", "tiny")
    assert collection.query(collection.pictures[0], "--encoder", collection.bundle).exit_code == 0


@pytest.mark.parametrize("by_id", [False, True])
def test_a_bundle_that_changed_since_is_refused(tmp_path: Path, by_id: bool) -> None:
    pictures = make_celeba(tmp_path / "faces", 2)
    index = tmp_path / "index"
    assert call("index", tmp_path / "faces", "--index", index, "--encoder", make_bundle(tmp_path)).exit_code == 0
    make_bundle(tmp_path, seed=1)
    query = ["--id", "1"] if by_id else [pictures[0]]
    assert_fails(call("query", *query, "--index", index), 4, "tiny")


def test_a_bundle_that_is_gone_is_told(tmp_path: Path) -> None:
    pictures = make_celeba(tmp_path / "faces", 2)
    index, bundle = tmp_path / "index", make_bundle(tmp_path)
    assert call("index", tmp_path / "faces", "--index", index, "--encoder", bundle).exit_code == 0
    shutil.move(bundle, tmp_path / "elsewhere")
    assert_fails(call("query", pictures[0], "--index", index), 4, "tiny")
    moved = call("query", pictures[0], "--index", index, "--encoder", tmp_path / "elsewhere", "--paths")
    assert moved.exit_code == 0, moved.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--minus", "a.jpg"],
        ["a.jpg", "--batch", "."],
        ["--id", "1", "--batch", "."],
        ["a.jpg", "--json", "--csv"],
        ["a.jpg", "-0"],
        ["a.jpg", "--sheet", "sheet.xyz"],
    ],
)
def test_what_does_not_go_together(collection: Collection, arguments: list[str]) -> None:
    assert_fails(collection.query(*arguments), 2)


def test_a_sheet_in_a_folder_that_is_not_there(collection: Collection) -> None:
    assert_fails(collection.query(collection.pictures[0], "--sheet", "no/such/sheet.png"), 2, "no/such")


def test_the_help_says_what_similarity_means() -> None:
    assert "share of random pairs" in " ".join(call("query", "--help").stdout.split())
