"""The examples of the docstrings and of docs/python.md."""

from __future__ import annotations

import doctest
import importlib
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latentsearch as ls
from tests.support import draw_picture, make_folder

ROOT = Path(__file__).parents[3]


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
