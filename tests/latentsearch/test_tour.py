"""The notebook docs/tour.ipynb: its cells run, and it holds what they are now."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BYTES_AT_MOST = 400_000


def test_the_tour_runs(tmp_path: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, str(ROOT / "docs" / "tour.py")]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "300 faces at" in done.stdout
    assert "grey.png is a copy (greyed) of sample-0-000020.png" in done.stdout


def test_the_notebook_is_that_of_the_script() -> None:
    cells = runpy.run_path(str(ROOT / "docs" / "make_tour.py"))["cells"]
    expected = cells((ROOT / "docs" / "tour.py").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "tour.ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert [(cell["cell_type"], cell["source"]) for cell in notebook["cells"]] == expected
    assert all(cell["outputs"] is not None for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert '"image/png"' in text and "data:image/jpeg" in text
    assert len(text) < BYTES_AT_MOST


def test_the_notebook_names_no_folder_of_the_machine_that_made_it() -> None:
    text = (ROOT / "docs" / "tour.ipynb").read_text(encoding="utf-8")
    assert "/tmp/" not in text
    assert "site-packages" not in text
