from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError
from indexer.files.label_files import Labels, load_labels, read_label_file
from tests.support import ATTRIBUTES, make_celeba


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def labels_of(tmp_path: Path, text: str, picture: str = "/pictures/a.jpg") -> dict[str, int | float | str]:
    return read_label_file(write(tmp_path / "labels.csv", text)).of(picture)


@pytest.mark.parametrize("named", ["", "img_align_celeba"])
def test_celeba_brings_its_three_files(tmp_path: Path, named: str) -> None:
    paths = make_celeba(tmp_path, 8)
    labels = load_labels([tmp_path / named])
    for number, path in enumerate(paths):
        attributes = {name: number >> bit & 1 for bit, name in enumerate(ATTRIBUTES)}
        assert labels.of(str(path)) == {**attributes, "partition": number % 3, "identity": number // 2 + 1}


def test_celeba_labels_only_what_lies_below_it(tmp_path: Path) -> None:
    make_celeba(tmp_path / "celeba", 1)
    assert load_labels([tmp_path / "celeba"]).of(str(tmp_path / "holiday" / "000001.jpg")) == {}


def test_a_named_label_file_labels_pictures_anywhere(tmp_path: Path) -> None:
    make_celeba(tmp_path, 2)
    labels = load_labels(files=[tmp_path / "identity_CelebA.txt"])
    assert labels.of("/elsewhere/000002.jpg") == {"identity": 1}


def test_folders_without_label_files_have_no_labels(tmp_path: Path) -> None:
    assert load_labels([tmp_path]).of(str(tmp_path / "a.jpg")) == {} == Labels().of("/a.jpg")


def test_columns_are_whole_numbers_else_numbers_else_text(tmp_path: Path) -> None:
    text = "file,age,weight,name,code,mixed\na.jpg,41,70.5,Ann,007,1\nb.jpg,-3,1e2,7,010,x\n"
    assert labels_of(tmp_path, text) == {"age": 41, "weight": 70.5, "name": "Ann", "code": "007", "mixed": "1"}
    assert labels_of(tmp_path, text, "/b.jpg") == {"age": -3, "weight": 100.0, "name": "7", "code": "010", "mixed": "x"}


def test_numbers_too_large_or_not_numbers_stay_text_or_float(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, "file,huge,far,nothing\na.jpg,123456789012345678901,1e999,nan\n")
    assert labels == {"huge": 123456789012345678901.0, "far": "1e999", "nothing": "nan"}


def test_empty_values_are_left_out(tmp_path: Path) -> None:
    assert labels_of(tmp_path, "file,age,name\na.jpg,,Ann\nb.jpg,4,\n") == {"name": "Ann"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    text = '\ufefffile,place\r\na.jpg,"Paris; France, \t Europe"\r\n\r\n'.replace("file,", f"file{delimiter}")
    assert labels_of(tmp_path, text.replace("jpg,", f"jpg{delimiter}")) == {"place": "Paris; France, \t Europe"}


def test_the_row_that_names_most_of_the_path_holds(tmp_path: Path) -> None:
    table = read_label_file(write(tmp_path / "x.csv", "file,n\na.jpg,1\n./cats/a.jpg,2\n/home/cats/a.jpg,3\n"))
    found = {path: table.of(path).get("n") for path in ("/a.jpg", "/x/cats/a.jpg", "/home/cats/a.jpg", "/ba.jpg")}
    assert found == {"/a.jpg": 1, "/x/cats/a.jpg": 2, "/home/cats/a.jpg": 3, "/ba.jpg": None}


def test_later_files_hold_over_earlier_ones(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1.csv", "f,x,y\na,1,2\n"), write(tmp_path / "2.csv", "f,y\na,3\n")
    assert load_labels(files=[first, second]).of("/a") == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("x.csv", "", "line 1: a header is needed"),
        ("x.csv", "file\na.jpg\n", "line 1: a header is needed"),
        ("x.csv", "file,a,a\n", "line 1: every column needs a name of its own"),
        ("x.csv", "file,a,\n", "line 1: every column needs a name of its own"),
        ("x.csv", "file,n\na.jpg,1\nb.jpg,1,2\n", "line 3: labels: 2 given, 1 expected"),
        ("x.csv", "file,n\na.jpg,1\n\na.jpg,2\n", "line 4: a.jpg was labelled before"),
        ("x.csv", "file,n\n ,1\n", "line 2: the file name is missing"),
        ("x.csv", 'file,n\na.jpg,"1"2\n', "line 2: "),
        ("list_attr_celeba.txt", "1\nSmiling Young\na.jpg 1 0\n", "line 3: a label of a.jpg is not 1 or -1"),
        ("list_attr_celeba.txt", "1\nSmiling Young\na.jpg 1\n", "line 3: labels: 1 given, 2 expected"),
        ("list_attr_celeba.txt", "1\n", "line 2: the names of the attributes are missing"),
        ("list_eval_partition.txt", "a.jpg 3\n", "line 1: a label of a.jpg is not 0, 1 or 2"),
        ("identity_CelebA.txt", "a.jpg 1\nb.jpg one\n", "line 2: a label of b.jpg is not a whole number"),
    ],
)
def test_bad_rows_are_told_with_their_line(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as told:
        read_label_file(write(tmp_path / name, text))
    assert str(told.value).startswith(f"{tmp_path / name}, ") and sentence in str(told.value)


def test_files_that_are_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"file,n\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_label_file(tmp_path / "x.csv")
    with pytest.raises(InputError, match="No such file"):
        read_label_file(tmp_path / "missing.csv")


@given(st.binary(max_size=300))
def test_any_bytes_are_labels_or_input_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"file,label\n" + content)
    try:
        table = read_label_file(path)
    except InputError:
        return
    assert all(table.of(os.path.join("/", name)) is not None for name in table.rows)
