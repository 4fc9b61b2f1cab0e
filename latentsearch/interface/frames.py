"""Convert rows to a pandas DataFrame if pandas is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from indexer.errors import MissingExtra


def frame_of(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> Any:
    """Convert rows to a DataFrame. columns: the names of the first columns; an empty frame has them, too.

    Raises MissingExtra without pandas.
    """
    try:
        is_missing = importlib.util.find_spec("pandas") is None
    except ValueError:  # sys.modules holds a stub without a spec
        is_missing = True
    if is_missing:
        raise MissingExtra("pandas is not installed: pip install pandas, or use to_dicts()")
    import pandas

    others = dict.fromkeys(name for row in rows for name in row if name not in columns)
    return pandas.DataFrame(rows, columns=[*columns, *others])
