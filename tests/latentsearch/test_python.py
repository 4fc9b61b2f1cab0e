"""The Python interface, through `import latentsearch as ls`."""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import re
import shutil
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import latentsearch as ls
from tests.drawn_files import SRGB, icc
from tests.latentsearch.collection import call
from tests.support import ATTRIBUTES, draw_picture, make_bundle, make_celeba, make_folder

ROOT = Path(__file__).parents[2]
PUBLIC = [
    "Collection", "DamagedIndex", "Duplicates", "EncoderError", "Hit", "IndexStateError", "InputError",
    "LatentsearchError", "LockedIndex", "MissingExtra", "Results", "TrainingError", "TransferError", "UnreadableImage",
    "create", "data_sets", "encode", "encoders", "export_bundle", "fetch_data", "find_duplicates", "import_codes",
    "invert", "open", "predict_labels", "sample", "train", "verify_data",
]  # fmt: skip
HEAVY = ("torch", "onnxruntime", "faiss", "sqlalchemy", "pandas", "pyarrow")
MILLISECONDS_MORE_THAN_NUMPY = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve labelled pictures, a tiny bundle, and the index `index` of them."""
    folder = tmp_path_factory.mktemp("python")
    make_celeba(folder / "faces", 12)
    with ls.create(folder / "index", encoder=make_bundle(folder / "bundles")) as faces:
        assert faces.add(folder / "faces").encoded == 12
    return folder


@pytest.fixture
def faces(made: Path) -> Iterator[ls.Collection]:
    with ls.open(made / "index") as opened:
        yield opened


def picture(made: Path, number: int) -> Path:
    return made / "faces" / "img_align_celeba" / f"{number:06}.jpg"


def closed_image() -> Image.Image:
    image = Image.new("RGB", (4, 4))
    image.close()
    return image


def is_described(member: object) -> bool:
    return callable(member) or isinstance(member, property)


def ids(found: ls.Results) -> list[int]:
    return [hit.id for hit in found]


# What is public


def test_the_public_names_are_these() -> None:
    assert ls.__all__ == PUBLIC
    assert all(getattr(ls, name).__doc__ for name in PUBLIC)
    assert set(PUBLIC) <= set(dir(ls))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ls.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_documented(name: str) -> None:
    public = getattr(ls, name)
    is_class = isinstance(public, type) and public.__module__.startswith("latentsearch")
    members = inspect.getmembers(public) if is_class else [(name, public)]
    described = [member for key, member in members if not key.startswith("_") and is_described(member)]
    assert described or name == "Hit"
    assert all(inspect.getdoc(member) for member in described)


def test_public_names_do_not_hide_modules() -> None:
    """Else a name would change its meaning as soon as the module is imported."""
    for name in PUBLIC:
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(f"latentsearch.{name}")


def test_importing_any_name_imports_nothing_heavy() -> None:
    code = f"import sys; from latentsearch import *; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_import_takes_little_longer_than_that_of_numpy() -> None:
    def milliseconds(module: str) -> float:
        code = f"import time; start = time.perf_counter(); import {module}; print(1000 * (time.perf_counter() - start))"
        runs = [
            float(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout)
            for _ in range(3)
        ]
        return min(runs)

    assert milliseconds("latentsearch") <= milliseconds("numpy") + MILLISECONDS_MORE_THAN_NUMPY


def test_the_package_says_that_it_is_typed() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in ("latentsearch", "indexer"))


# Opening


def test_create_opens_what_is_there(made: Path, tmp_path: Path) -> None:
    with ls.create(made / "index") as again:
        assert (len(again), again.encoder) == (12, "tiny")
    with pytest.raises(ls.EncoderError, match="tiny"):
        ls.create(made / "index", encoder=make_bundle(tmp_path, "other", seed=1))


def test_open_says_that_there_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(ls.IndexStateError, match=re.escape(str(tmp_path))):
        ls.open(tmp_path)


def test_a_closed_collection_says_so(made: Path) -> None:
    faces = ls.open(made / "index")
    faces.close()
    faces.close()
    assert "closed" in repr(faces)
    for use in (lambda: len(faces), lambda: faces.search(1), lambda: faces.add(made), lambda: faces.encode([])):
        with pytest.raises(ValueError, match="is closed"):
            use()


def test_a_collection_describes_itself(faces: ls.Collection, made: Path) -> None:
    assert repr(faces) == f"<Collection {str(made / 'index')!r}: 12 pictures, encoder 'tiny'>"
    assert picture(made, 1) in faces
    assert made / "nothing.jpg" not in faces
    assert (faces.latent_size, faces.distance, faces.folder) == (16, "cosine", made / "index")
    assert {label.name for label in faces.labels()} >= set(ATTRIBUTES)
    assert faces.status()["images"] == 12
    assert faces.failures() == []
    assert faces.check().problems == []


# Searching


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


def test_another_thread_may_search(faces: ls.Collection) -> None:
    found: list[ls.Results] = []
    thread = threading.Thread(target=lambda: found.append(faces.search(1)))
    thread.start()
    thread.join()
    assert ids(found[0]) == ids(faces.search(1))


# Results


def test_results_iterate_and_convert(faces: ls.Collection) -> None:
    found = faces.search(1, k=3)
    assert (len(found), found[0].id, [hit.rank for hit in found]) == (3, 1, [1, 2, 3])
    rows = found.to_dicts()
    assert [row["id"] for row in rows] == ids(found)
    assert rows[0]["labels"] == found[0].labels
    assert repr(found).splitlines()[1].endswith(found[0].path)


def test_results_become_a_frame_with_a_column_a_label(faces: ls.Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pandas is given, whether it is installed or not."""
    given: list[tuple[list[dict[str, Any]], list[str]]] = []
    pandas = types.ModuleType("pandas")
    pandas.__spec__ = importlib.machinery.ModuleSpec("pandas", None)
    pandas.DataFrame = lambda rows, columns: given.append((rows, columns))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    found = faces.search(1, k=3)
    found.to_frame()
    ((rows, columns),) = given
    assert columns[:5] == ["rank", "id", "path", "distance", "similarity"]
    assert set(columns) >= set(ATTRIBUTES)
    assert [row["Smiling"] for row in rows] == [hit.labels["Smiling"] for hit in found]


def test_frames_need_pandas(faces: ls.Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for result in (faces.search(1, k=3), faces.duplicates(exact=True)):
        with pytest.raises(ls.MissingExtra, match="pandas"):
            result.to_frame()


def test_pandas_shows_the_same(faces: ls.Collection) -> None:
    pytest.importorskip("pandas")
    frame = faces.search(1, k=3).to_frame()
    assert frame["id"].tolist() == ids(faces.search(1, k=3))
    assert list(faces.duplicates(exact=True).to_frame().columns)[:3] == ["group", "rank", "id"]


def test_a_notebook_gets_small_thumbnails(faces: ls.Collection, made: Path) -> None:
    name = made / "<i>gone & odd.jpg"
    shutil.copy(picture(made, 1), name)
    html = faces.search([name, np.asarray(draw_picture(3))], k=4)._repr_html_()
    assert "&lt;i&gt;gone &amp; odd.jpg" in html and "<i>" not in html
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    assert len(pictures) == 6
    assert len(html) < 6 * 8_000
    import base64

    sizes = [Image.open(io.BytesIO(base64.b64decode(content))).size for content in pictures]
    assert max(max(size) for size in sizes) <= 128


# Codes


def test_encode_gives_a_row_a_picture(faces: ls.Collection, made: Path) -> None:
    paths = [picture(made, number) for number in (2, 1)]
    codes = ls.encode(paths, encoder=made / "bundles" / "tiny")
    assert (codes.dtype, codes.shape) == (np.float32, (2, 16))
    assert np.allclose(codes, faces.codes([2, 1])[1], atol=1e-6)
    assert np.array_equal(codes, faces.encode(iter([paths[0], paths[1].read_bytes()])))
    assert ls.encode([], encoder=made / "bundles" / "tiny").shape == (0, 16)
    stack = np.stack([np.asarray(draw_picture(seed)) for seed in range(3)])
    assert np.array_equal(faces.encode(stack), faces.encode(list(stack)))


def test_encode_names_what_cannot_be_read_or_leaves_its_row_empty(faces: ls.Collection, made: Path) -> None:
    broken = made / "broken.jpg"
    broken.write_bytes(b"no picture")
    given = [picture(made, 1), broken, b"neither", made / "missing.jpg"]
    with pytest.raises(ls.UnreadableImage, match=r"broken\.jpg: "):
        faces.encode(given)
    codes = faces.encode(given, errors="nan")
    assert np.isnan(codes).all(axis=1).tolist() == [False, True, True, True]
    with pytest.raises(ls.InputError, match="errors is 'ignore'"):
        faces.encode(given, errors="ignore")  # type: ignore[arg-type]
    with pytest.raises(ls.InputError, match="uint8"):
        faces.encode(np.zeros((2, 16)))  # type: ignore[arg-type]


def test_stored_codes_come_by_id(faces: ls.Collection) -> None:
    numbers, codes = faces.codes()
    assert (numbers.tolist(), codes.dtype, codes.shape) == (list(range(1, 13)), np.float32, (12, 16))
    some, of_some = faces.codes([5, 2])
    assert some.tolist() == [5, 2]
    assert np.array_equal(of_some, codes[[4, 1]])
    for missing in (77, 2**70):
        with pytest.raises(ls.InputError, match=f"id {missing}"):
            faces.codes([missing])


# Changing


def test_add_reports_and_sums_up(made: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "pictures", 6)
    (tmp_path / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    steps: list[tuple[str, int, int | None]] = []
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as pictures:
        summary = pictures.add(
            tmp_path / "pictures",
            exclude="000006.jpg",
            memory=2_000_000_000,
            on_progress=lambda *step: steps.append(step),
        )
        assert (summary.found, summary.encoded, summary.failed) == (6, 5, 1)
        assert steps[-1][:2] == ("indexing", 6)
        assert [Path(failure.path).name for failure in pictures.failures()] == ["broken.jpg"]
        assert pictures.add(tmp_path / "pictures").encoded == 1
        assert len(pictures) == 6
        (tmp_path / "pictures" / "000001.jpg").unlink()
        assert pictures.add(tmp_path / "pictures", prune=True).removed == 1
        assert pictures.remove(tmp_path / "pictures" / "000002.jpg") == [str(tmp_path / "pictures" / "000002.jpg")]
        assert len(pictures) == 4


def test_add_refuses_what_cannot_be_added(made: Path, tmp_path: Path) -> None:
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as pictures:
        for folders, options, what in (
            ((), {}, "no folder"),
            ((tmp_path / "nowhere",), {}, "nowhere"),
            ((tmp_path,), {}, "no pictures in"),
            ((made / "faces",), {"prune": "yes"}, "prune is 'yes'"),
            ((made / "faces",), {"memory": "much"}, "'much' is not a size"),
            ((made / "faces",), {"memory": -5}, "'-5' is not a size"),
            ((made / "faces",), {"device": "tpu"}, "device is 'tpu'"),
        ):
            with pytest.raises(ls.InputError, match=what):
                pictures.add(*folders, **options)


def test_a_collection_sees_what_others_commit(made: Path, tmp_path: Path) -> None:
    paths = make_folder(tmp_path / "pictures", 3)
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as reader:
        with ls.open(tmp_path / "index") as writer:
            writer.add(tmp_path / "pictures")
        assert len(reader) == 3
        assert reader.search(paths[1], k=1)[0].path == str(paths[1])
        call("remove", paths[1], "--index", tmp_path / "index")
        assert paths[1] not in reader
        assert str(paths[1]) not in [hit.path for hit in reader.search(paths[1])]


def test_another_writer_locks(made: Path, tmp_path: Path) -> None:
    from indexer.index.writer import IndexWriter

    shutil.copytree(made / "index", tmp_path / "index")
    with ls.open(tmp_path / "index") as faces, IndexWriter.open(tmp_path / "index"):
        assert len(faces.search(1)) == 12
        with pytest.raises(ls.LockedIndex):
            faces.remove(made / "faces")


def test_parquet_carries_a_collection_over(faces: ls.Collection, made: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int | None]] = []
    assert faces.to_parquet(tmp_path / "all.parquet", on_progress=lambda *step: steps.append(step)) == 12
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as copy:
        assert copy.add_parquet(tmp_path / "all.parquet").added == 12
        assert np.array_equal(copy.codes()[1], faces.codes()[1])
        assert copy.labels() == faces.labels()
    assert steps == [("exporting", 12, 12)]
    with ls.create(tmp_path / "other", encoder=make_bundle(tmp_path / "bundles", "other", seed=1)) as other:
        with pytest.raises(ls.EncoderError, match="other"):
            other.add_parquet(tmp_path / "all.parquet")
        assert len(other) == 0


def test_duplicates_are_groups_with_the_best_in_front(made: Path, tmp_path: Path) -> None:
    paths = make_folder(tmp_path / "pictures", 4)
    shutil.copy(paths[0], tmp_path / "pictures" / "copy.jpg")
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as pictures:
        pictures.add(tmp_path / "pictures")
        found = pictures.duplicates(exact=True)
        with pytest.raises(ls.InputError, match="exclude each other"):
            pictures.duplicates(exact=True, near=True)
    assert [[Path(copy.image.path).name for copy in group] for group in found] == [["000001.jpg", "copy.jpg"]]
    assert [(row["group"], row["rank"], row["kind"]) for row in found.to_dicts()] == [(1, 1, "best"), (1, 2, "exact")]
    assert len(ls.find_duplicates(tmp_path / "index", exact=True)) == len(found) == 1
    found.write_plan(tmp_path / "delete.sh")
    assert "copy.jpg" in (tmp_path / "delete.sh").read_text(encoding="utf-8")
    assert "1 group" in repr(found)


# Codes that another program computed


def import_colours(made: Path, folder: Path, count: int = 12, **options: Any) -> ls.Collection:
    """The mean colours of pictures as their codes."""
    paths = [picture(made, number) for number in range(1, count + 1)]
    colours = np.stack([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in paths])
    return ls.import_codes(folder, paths, colours, **{"encoder": "colour", "distance": "euclidean", **options})


def test_codes_from_elsewhere_are_searched_by_id_and_code(made: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int | None]] = []
    with import_colours(made, tmp_path / "index", on_progress=lambda *step: steps.append(step)) as colours:
        numbers, codes = colours.codes()
        order = np.argsort(np.linalg.norm(codes - codes[3], axis=1), kind="stable")
        assert ids(colours.search(4, k=12)) == numbers[order].tolist() == ids(colours.search(codes[3], k=12))
        assert (len(colours), colours.encoder, colours.distance, colours.latent_size) == (12, "colour", "euclidean", 3)
        found = colours.search(4, where="width=178")
        assert [hit.similarity for hit in found] == sorted((hit.similarity for hit in found), reverse=True)
        assert found[0].similarity == 1.0 and found[-1].similarity < 0.5
        assert colours.check().problems == []
    assert steps[-1] == ("importing", 12, 12)
    assert call("query", "--id", "4", "--index", tmp_path / "index", "--paths").exit_code == 0


def test_codes_from_elsewhere_encode_no_picture(made: Path, tmp_path: Path) -> None:
    with import_colours(made, tmp_path / "index") as colours:
        for use in (
            lambda: colours.search(picture(made, 1)),
            lambda: colours.encode(picture(made, 1)),
            lambda: colours.add(made / "faces"),
        ):
            with pytest.raises(ls.EncoderError, match="computed elsewhere"):
                use()
    refused = call("query", picture(made, 1), "--index", tmp_path / "index")
    assert (refused.exit_code, "computed elsewhere" in refused.stderr) == (4, True)


def test_codes_from_elsewhere_are_added_and_replaced(made: Path, tmp_path: Path) -> None:
    import_colours(made, tmp_path / "index", count=6).close()
    shutil.move(tmp_path / "index", tmp_path / "moved")
    with import_colours(made, tmp_path / "moved", count=12) as colours:
        assert len(colours) == 12
        before = colours.codes()[1]
    first = [picture(made, 1)]
    with ls.import_codes(tmp_path / "moved", first, [[1, 2, 3]], encoder="colour", distance="euclidean") as colours:
        assert len(colours) == 12
        assert colours.search(np.array([1.0, 2.0, 3.0]), k=1)[0].path == str(first[0])
        assert len(before) == len(colours.codes()[1])
    with pytest.raises(ls.EncoderError, match="colour"):
        import_colours(made, tmp_path / "moved", encoder="another")
    with pytest.raises(ls.EncoderError):
        import_colours(made, made / "index")


def test_a_file_that_cannot_be_read_costs_its_code_alone(made: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    paths = [picture(made, 1), broken, tmp_path / "missing.jpg", picture(made, 2)]
    with ls.import_codes(tmp_path / "index", paths, np.eye(4), encoder="four") as four:
        assert [hit.path for hit in four.search(np.eye(4)[3], k=1)] == [str(paths[3])]
        assert [failure.path for failure in four.failures()] == [str(broken), str(tmp_path / "missing.jpg")]
        assert len(four) == 2


@pytest.mark.parametrize(
    ("codes", "options", "what"),
    [
        (np.ones((3, 4)), {}, r"shape \(3, 4\): 2 paths"),
        (np.ones(2), {}, "shape"),
        ([[1, np.nan], [1, 2]], {}, "not finite"),
        ([[0, 0], [1, 2]], {}, "no direction"),
        ([[1, 2], [1, 2]], {}, "two different codes"),
        ([[1, 2], [2, 1]], {"encoder": " "}, "a name"),
        ([[1, 2], [2, 1]], {"distance": "taxicab"}, "taxicab"),
    ],
)
def test_codes_that_do_not_fit_make_no_index(
    made: Path, tmp_path: Path, codes: Any, options: dict[str, Any], what: str
) -> None:
    paths = [picture(made, 1), picture(made, 2)]
    with pytest.raises(ls.InputError, match=what):
        ls.import_codes(tmp_path / "index", paths, codes, **{"encoder": "two", **options})
    assert not (tmp_path / "index").exists()


# What is documented


def test_the_examples_of_the_docstrings_hold(tmp_path: Path) -> None:
    for seed, name in enumerate(("dawn", "noon", "dusk", "night")):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        draw_picture(seed).save(tmp_path / "pictures" / f"{name}.png")
    shutil.copy2(tmp_path / "pictures" / "night.png", tmp_path / "pictures" / "night2.png")
    shutil.copy2(tmp_path / "pictures" / "dawn.png", tmp_path / "dawn.png")
    with ls.create(tmp_path / "index") as pictures:
        pictures.add(tmp_path / "pictures")
    names = {"ls": ls, "np": np, "Path": Path, "folder": tmp_path, "picture": draw_picture(0)}
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    examples = 0
    for module in sorted(path.stem for path in (ROOT / "latentsearch" / "interface").glob("[a-z]*.py")):
        for test in finder.find(importlib.import_module(f"latentsearch.interface.{module}"), extraglobs=names):
            examples += len(test.examples)
            runner.run(test)
    assert runner.summarize().failed == 0
    assert examples >= 8


def test_the_blocks_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = make_folder(tmp_path / "photos", 24)
    rows = [f"{path.name},{number % 2}" for number, path in enumerate(paths)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,Smiling", *rows]) + "\n", encoding="utf-8")
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["codes"].shape == (2, 128)
    assert (tmp_path / "delete.sh").is_file()
