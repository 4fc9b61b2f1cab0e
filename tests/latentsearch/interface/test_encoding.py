"""`encode` and stored codes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import latentsearch as ls
from tests.latentsearch.interface.faces import picture
from tests.support import draw_picture


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


@pytest.mark.parametrize("address", ["file:///nowhere.jpg", "http://127.0.0.1:9/none.jpg", "ftp://host/a.jpg"])
def test_an_address_that_cannot_be_fetched_costs_its_row_alone(faces: ls.Collection, made: Path, address: str) -> None:
    codes = faces.encode([address, picture(made, 1)], errors="nan")
    assert np.isnan(codes).all(axis=1).tolist() == [True, False]
    with pytest.raises((ls.InputError, ls.TransferError), match=re.escape(address)):
        faces.encode([address, picture(made, 1)])


def test_an_image_that_cannot_be_loaded_costs_its_row_alone(faces: ls.Collection) -> None:
    closed = Image.new("RGB", (4, 4))
    closed.close()
    assert np.isnan(faces.encode([closed, draw_picture(1)], errors="nan")).all(axis=1).tolist() == [True, False]
    with pytest.raises(ls.InputError, match="int is no picture"):
        faces.encode([1], errors="nan")  # type: ignore[list-item]


def test_stored_codes_come_by_id(faces: ls.Collection) -> None:
    numbers, codes = faces.codes()
    assert (numbers.tolist(), codes.dtype, codes.shape) == (list(range(1, 13)), np.float32, (12, 16))
    some, of_some = faces.codes([5, 2])
    assert some.tolist() == [5, 2]
    assert np.array_equal(of_some, codes[[4, 1]])
    for missing in (77, 2**70):
        with pytest.raises(ls.InputError, match=f"id {missing}"):
            faces.codes([missing])
