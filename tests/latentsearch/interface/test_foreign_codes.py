"""`import_codes`: codes that another program computed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import latentsearch as ls
from tests.latentsearch.collection import call
from tests.latentsearch.interface.faces import ids, picture


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
