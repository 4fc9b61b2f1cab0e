"""The append-only array of codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.errors import DamagedIndex
from indexer.vectors.code_file import CodeWriter, map_codes

CODES = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_what_was_appended_is_read_and_mapped(tmp_path: Path) -> None:
    path = tmp_path / "codes.f32"
    with CodeWriter(path, 0, 3) as writer:
        assert writer.append(CODES[:3]) == range(3)
        assert writer.append(CODES[3:]) == range(3, 4)
        assert writer.append(CODES[:0]) == range(4, 4)
        assert writer.read(2).tolist() == CODES[2].tolist()
        writer.flush()
    mapped = map_codes(path, 4, 3)
    assert mapped.tolist() == CODES.tolist()
    assert not mapped.flags.writeable


def test_rows_that_do_not_count_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "codes.f32"
    with CodeWriter(path, 0, 3) as writer:
        writer.append(CODES)
    with CodeWriter(path, 2, 3) as writer:
        assert writer.append(-CODES[:1]) == range(2, 3)
    assert map_codes(path, 3, 3).tolist() == [*CODES[:2].tolist(), (-CODES[0]).tolist()]


def test_an_empty_array_needs_no_file(tmp_path: Path) -> None:
    assert map_codes(tmp_path / "codes.f32", 0, 3).shape == (0, 3)


def test_a_file_that_is_too_short_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "codes.f32").write_bytes(CODES.tobytes()[:-1])
    with pytest.raises(DamagedIndex, match="holds 47 bytes"):
        map_codes(tmp_path / "codes.f32", 4, 3)
