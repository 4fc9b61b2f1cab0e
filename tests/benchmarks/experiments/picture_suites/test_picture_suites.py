from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import run
from benchmarks.experiments.picture_suites.page import NAME, report
from tests.drawn_files import gif_part
from tests.hostile import encode_picture
from tests.support import draw_picture

pytest.importorskip("pyvips")


def test_a_suite_is_measured_and_its_page_written(tmp_path: Path) -> None:
    suite, picture = tmp_path / "suite", draw_picture(1)
    suite.mkdir()
    jpeg = encode_picture(picture, "JPEG")
    (suite / "sound.jpg").write_bytes(jpeg)
    (suite / "cut.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    (suite / "border_touching_layers.gif").write_bytes(gif_part((90, 80), (9, 9), picture.quantize(8).resize((40, 30))))
    (suite / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    (suite / "text.txt").write_text("no picture")
    run([NAME, str(suite), "--results", str(tmp_path / "results")])
    record = json.loads((tmp_path / "results" / "picture-suites.json").read_text())
    (found,) = record["result"]["suites"]
    assert (found["files"], found["incomplete"], found["sound_but_damaged_for_us"]) == (5, 1, [])
    assert [row["file"] for row in found["not_supported"]] == ["drawing.svg"]
    assert [row["file"] for row in found["far_apart"] if row["why"]] == ["border_touching_layers.gif"]
    page = report(record)
    assert "not supported: SVG" in page and "browsers" in page and str(tmp_path) not in page
