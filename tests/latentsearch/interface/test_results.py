"""Results of searches and duplicates: converted and shown."""

from __future__ import annotations

import importlib
import io
import re
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import latentsearch as ls
from tests.latentsearch.interface.faces import ids, picture
from tests.support import ATTRIBUTES, draw_picture, make_folder


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
