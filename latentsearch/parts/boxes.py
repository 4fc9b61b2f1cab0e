"""The parts of a picture that codes are made from: parts of aligned faces, a plain grid, or boxes from a file."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import InputError

AUTO, FACES, GRID = "auto", "faces", "grid"
MOST_PARTS = 32
# Tolerance in shares of a side: smaller deviations from a cell boundary are rounding, not part of the next cell.
ROUNDING = 1e-6


# Weights of parts by name; all others have weight 1. Compared with equal weights for all parts, these gain 0.001
# agreement@20 and 0.01 same person@1 on validation faces.
WEIGHTS = {"mouth": 1.3, "nose": 1.3}


@dataclass(frozen=True)
class Part:
    """A named box of the framed picture: left, top, right and bottom as shares of its sides, 0 to 1.

    weight: factor of this part's numbers when all parts are concatenated.
    """

    name: str
    box: tuple[float, float, float, float]
    weight: float = 1.0

    def cells(self, rows: int, columns: int) -> tuple[slice, slice]:
        """Return the rows and columns of a map that the box overlaps."""
        left, top, right, bottom = self.box
        return _touched(top, bottom, rows), _touched(left, right, columns)


def _touched(begin: float, end: float, count: int) -> slice:
    return slice(math.floor(begin * count + ROUNDING), math.ceil(end * count - ROUNDING))


def _of_cells(boxes: dict[str, tuple[int, int, int, int]]) -> tuple[Part, ...]:
    """Build parts from boxes in sixteenths of a side."""
    return tuple(
        Part(name, (box[0] / 16, box[1] / 16, box[2] / 16, box[3] / 16), WEIGHTS.get(name, 1.0))
        for name, box in boxes.items()
    )


NAMED = {
    FACES: _of_cells(
        {
            "whole": (0, 0, 16, 16),
            "middle": (3, 3, 13, 13),
            "eyes": (2, 4, 14, 9),
            "mouth": (3, 9, 13, 15),
            "top": (0, 0, 16, 6),
            "nose": (5, 5, 11, 11),
            "jaw": (1, 9, 15, 16),
        }
    ),
    GRID: _of_cells(
        {
            "whole": (0, 0, 16, 16),
            "middle": (3, 3, 13, 13),
            "upper left": (0, 0, 8, 8),
            "upper right": (8, 0, 16, 8),
            "lower left": (0, 8, 8, 16),
            "lower right": (8, 8, 16, 16),
        }
    ),
}


def choose_parts(wish: str) -> tuple[Part, ...]:
    """Return the parts named "faces" or "grid", or read them from a file; raises InputError as `read_parts`."""
    return NAMED[wish] if wish in NAMED else read_parts(Path(wish))


def read_parts(path: Path) -> tuple[Part, ...]:
    """Read parts from a TOML or JSON file with a table `parts` of NAME = [left, top, right, bottom], each 0 to 1.

    Raises InputError if the file cannot be read or a box is invalid.
    """
    boxes = _read(path).get("parts")
    if not isinstance(boxes, dict) or not 1 <= len(boxes) <= MOST_PARTS:
        raise InputError(f"{path} needs a table `parts` of 1 to {MOST_PARTS} boxes, NAME = [left, top, right, bottom]")
    return tuple(Part(name, _checked(path, name, box)) for name, box in boxes.items())


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        hint = "" if path.suffix else f", and is none of the names {FACES} and {GRID}"
        raise InputError(f"{path} cannot be read ({error.strerror}){hint}") from error
    except (ValueError, RecursionError) as error:  # ValueError includes bytes that are not UTF-8
        language = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise InputError(f"{path} is not {language}: {' '.join(str(error).split())}") from error
    return content if isinstance(content, dict) else {}


def _checked(path: Path, name: str, box: Any) -> tuple[float, float, float, float]:
    if not isinstance(box, list) or len(box) != 4 or not all(_is_share(value) for value in box):
        raise InputError(f"{path}: part {name!r} is not [left, top, right, bottom] with numbers from 0 to 1")
    left, top, right, bottom = (float(value) for value in box)
    if right - left < ROUNDING or bottom - top < ROUNDING:
        raise InputError(f"{path}: part {name!r} is empty: left must be below right, and top below bottom")
    return left, top, right, bottom


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def to_json(parts: Iterable[Part]) -> dict[str, list[float]]:
    """Return the parts' boxes by name, as stored in run.json and model.json."""
    return {part.name: [round(edge, 6) for edge in part.box] for part in parts}
