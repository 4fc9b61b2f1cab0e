"""`Collection.search` and `search_folder`."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import latentsearch as ls
from indexer.index.index import Index
from tests.drawn_files import SRGB, icc
from tests.latentsearch.collection import call
from tests.latentsearch.interface.faces import ids, picture
from tests.support import ATTRIBUTES, draw_picture


def closed_image() -> Image.Image:
    image = Image.new("RGB", (4, 4))
    image.close()
    return image


def test_a_query_is_the_same_in_every_form(faces: ls.Collection, made: Path) -> None:
    path = picture(made, 3)
    with Image.open(path) as image:
        image.load()
        forms = [path, str(path), path.read_bytes(), image, np.asarray(image), path.as_uri(), 3, np.int64(3)]
    forms += [faces.codes([3])[1][0], faces.encode(path)[0] * 7]
    expected = faces.search(path, k=5)
    assert expected[0].id == 3
    for form in forms:
        found = faces.search(form, k=5)
        assert ids(found) == ids(expected)
        assert [hit.distance for hit in found] == pytest.approx([hit.distance for hit in expected], abs=1e-5)


def test_an_image_is_turned_upright_and_converted_as_its_file_is(faces: ls.Collection, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = icc(SRGB[::-1])  # which swaps red and blue
    for mode in ("RGB", "L", "P", "RGBA", "LA", "1", "I;16"):
        path = tmp_path / f"{mode}.png"
        image = draw_picture(5).convert("L").convert(mode) if mode == "I;16" else draw_picture(5).convert(mode)
        if mode in ("RGBA", "LA"):
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save(path, exif=exif, icc_profile=profile if mode == "RGB" else None)
        with Image.open(path) as opened:
            assert np.array_equal(faces.encode(opened), faces.encode(path)), mode
            opened.load()
            assert np.array_equal(faces.encode(opened.copy()), faces.encode(path)), mode
    draw_picture(5).save(tmp_path / "turned.tiff", exif=exif)
    with Image.open(tmp_path / "turned.tiff") as opened:
        assert np.array_equal(faces.encode(opened), faces.encode(tmp_path / "turned.tiff"))
    draw_picture(5).convert("CMYK").save(tmp_path / "print.jpg", exif=exif)
    with Image.open(tmp_path / "print.jpg") as opened:
        assert np.array_equal(faces.encode(opened), faces.encode(tmp_path / "print.jpg"))
    plain = draw_picture(5)
    assert np.abs(faces.encode(plain.convert("HSV")) - faces.encode(plain)).max() < 0.05


def test_several_and_minus_are_those_of_the_command_line(faces: ls.Collection, made: Path) -> None:
    first, second, less = (picture(made, number) for number in (1, 2, 4))
    arguments = ("--minus", less, "--index", faces.folder, "--paths", "-k", "6")
    printed = call("query", first, second, *arguments).stdout.splitlines()
    for query, minus in (([first, second], less), ([first, 2], [4]), ([1, np.asarray(Image.open(second))], less)):
        assert [hit.path for hit in faces.search(query, k=6, minus=minus)] == printed
    codes = faces.codes([1, 2, 4])[1]
    assert [hit.path for hit in faces.search(codes[:2], k=6, minus=codes[2])] == printed
    assert [hit.path for hit in faces.search(np.array([1, 2]), k=6, minus=4)] == printed


def test_options_are_those_of_the_command_line(faces: ls.Collection, made: Path) -> None:
    found = faces.search(picture(made, 1), where="Smiling=1", under=made / "faces", exclude_self=True)
    assert (len(found), found.matching) == (6, 6)
    assert all(hit.labels["Smiling"] == 1 for hit in found)
    assert len(faces.search(1, where=["Smiling=1", "Young=1"])) == 3
    assert 1 not in ids(faces.search(1, exclude_self=True))
    assert 1 not in ids(faces.search(2, minus=1, exclude_self=True))
    assert len(faces.search(1, min_similarity=1.0)) == 1
    assert faces.search(1, k=3, diverse=0.5).diverse == 0.5


@pytest.mark.parametrize(
    ("query", "options", "what"),
    [
        ("nowhere.jpg", {}, "no picture at nowhere.jpg"),
        ([], {}, "no picture to search for"),
        ("a\0b", {}, "NUL"),
        (99, {}, "no image with id 99"),
        (True, {}, "bool is no picture"),
        ({"a": 1}, {}, "dict is no picture"),
        (1, {"k": 0}, "k is 0"),
        (1, {"set": {"Smiling": 2}}, "cannot be set to 2"),
        (1, {"where": "Smiling"}, "Smiling"),
        (np.zeros((4, 4, 3)), {}, r"float64 \(4, 4, 3\) is no picture"),
        (np.zeros((4, 4), np.uint8), {}, r"uint8 \(4, 4\) is no picture"),
        (np.zeros(3), {}, "16 finite numbers"),
        (np.zeros(16), {}, "no direction"),
        (np.full(16, np.nan), {}, "16 finite numbers"),
        (Image.new("F", (4, 4)), {}, "mode F"),
        (b"not a picture", {}, "picture 1: "),
        (closed_image(), {}, "cannot be loaded"),
    ],
)
def test_what_cannot_be_searched_for_is_an_input_error(
    faces: ls.Collection, query: Any, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(ls.InputError, match=what):
        faces.search(query, **options)


def test_an_empty_collection_says_so(made: Path, tmp_path: Path) -> None:
    with (
        ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as empty,
        pytest.raises(ls.IndexStateError, match="is empty"),
    ):
        empty.search(picture(made, 1))


def test_bytes_may_stand_under_a_name(faces: ls.Collection, made: Path) -> None:
    given = {"me": picture(made, 3).read_bytes(), "https://host.invalid/a.jpg": picture(made, 4).read_bytes()}
    found = faces.search(["me", picture(made, 1)], minus="https://host.invalid/a.jpg", given=given)
    assert (found.query, found.minus) == (("me", str(picture(made, 1))), ("https://host.invalid/a.jpg",))
    assert ids(found) == ids(faces.search([3, 1], minus=4))


def test_the_first_search_reports_the_time_of_opening(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_quickly = Index.open

    def open_slowly(folder: Path) -> Index:
        time.sleep(0.5)
        return open_quickly(folder)

    monkeypatch.setattr(Index, "open", open_slowly)
    with ls.open(made / "index") as opened:
        first, second = opened.search(picture(made, 1)), opened.search(picture(made, 1))
    assert first.took_ms.load >= 500 > second.took_ms.load


def test_labels_are_set_by_name_or_in_pairs(faces: ls.Collection) -> None:
    with pytest.raises(ls.InputError, match="'Bald' cannot be set to 2"):
        faces.search(1, set=[("Bald", 2)])
    for wanted in ({"Bald": 1}, [("Bald", 1)]):
        with pytest.raises(ls.InputError, match="Bald"):
            faces.search(1, set=wanted)


def test_a_folder_is_searched_for_picture_by_picture(faces: ls.Collection, made: Path, tmp_path: Path) -> None:
    for number in (1, 3):
        shutil.copy(picture(made, number), tmp_path)
    (tmp_path / "000002.jpg").write_bytes(b"no picture")
    answers = faces.search_folder(tmp_path, k=2, where="Smiling=1", minus=[5, "five"], given=five(made))
    first, second, third = answers
    assert isinstance(first, ls.Results) and isinstance(third, ls.Results)
    alone = faces.search(tmp_path / "000001.jpg", k=2, where="Smiling=1", minus=[5, picture(made, 5)])
    assert [row["id"] for row in first.to_dicts()] == ids(alone)
    assert first.minus == ("five", str(picture(made, 5)))
    assert not isinstance(second, ls.Results)
    assert (second.query, answers.matching) == (str(tmp_path / "000002.jpg"), first.matching)
    assert second.reason
    assert set(answers.label_names) >= set(ATTRIBUTES)


def five(made: Path) -> dict[str, bytes]:
    return {"five": picture(made, 5).read_bytes()}


def test_a_folder_that_cannot_be_searched_for_says_so(faces: ls.Collection, made: Path, tmp_path: Path) -> None:
    with pytest.raises(ls.InputError, match="query with all of them by `search_folder`"):
        faces.search(tmp_path)
    with pytest.raises(ls.InputError, match="no pictures in"):
        faces.search_folder(tmp_path)
    with pytest.raises(ls.InputError, match="k is 0"):
        faces.search_folder(made / "faces", k=0)
    with pytest.raises(ls.InputError, match=r"no picture at none\.jpg"):
        faces.search_folder(made / "faces", minus="none.jpg")


def test_another_thread_may_search(faces: ls.Collection) -> None:
    found: list[ls.Results] = []
    thread = threading.Thread(target=lambda: found.append(faces.search(1)))
    thread.start()
    thread.join()
    assert ids(found[0]) == ids(faces.search(1))
