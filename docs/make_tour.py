"""Make docs/tour.ipynb of docs/tour.py, run it in a temporary folder, and keep what it shows: `make tour`.

Needs nbformat, nbclient, ipykernel and matplotlib beside latentsearch.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CELL = re.compile(r"^# %%(?P<kind> \[markdown\])?\n", re.MULTILINE)
SHOWN_FOLDER = "/home/you/tour"


def cells(source: str) -> list[tuple[str, str]]:
    """The kind of each cell, "markdown" or "code", and its text."""
    starts = list(CELL.finditer(source))
    ends = [*(start.start() for start in starts[1:]), len(source)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        text = source[start.end() : end].strip()
        if start["kind"]:
            found.append(("markdown", re.sub(r"^# ?", "", text, flags=re.MULTILINE)))
        else:
            found.append(("code", text))
    return found


def main() -> None:
    """Write the notebook, with the outputs of a run; its folder's name is replaced in them."""
    import nbformat
    from nbclient import NotebookClient

    notebook: Any = nbformat.v4.new_notebook()
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook.cells = [make[kind](text) for kind, text in cells((HERE / "tour.py").read_text(encoding="utf-8"))]
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    text = json.dumps(notebook, ensure_ascii=False, indent=1).replace(folder, SHOWN_FOLDER)
    (HERE / "tour.ipynb").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
