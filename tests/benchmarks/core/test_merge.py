"""Rows that stay when only some methods are measured again."""

import json

import numpy as np
import pytest

from benchmarks.core.merge import keep_arrays, keep_rows
from benchmarks.core.page import provenance
from benchmarks.core.results import load, store
from indexer.errors import InputError

NAME = "drawn"


def summary(rows, protocol="all", seed=0):
    methods = [{"key": key, "score": score} for key, score in rows.items()]
    return {
        "seed": seed,
        "protocol": {"faces": protocol},
        "methods": methods,
        "encoders": {key: {"score": rows[key]} for key in rows},
    }


def kept(folder, new, **settings):
    return keep_rows(NAME, summary(new, **settings), folder)


def test_new_rows_take_the_places_of_old_ones_and_others_stay(tmp_path):
    store(NAME, summary({"a": 1, "b": 2, "c": 3}), tmp_path)
    result = kept(tmp_path, {"b": 20, "d": 40})
    assert [(row["key"], row["score"]) for row in result["methods"]] == [("a", 1), ("b", 20), ("c", 3), ("d", 40)]
    assert result["encoders"] == {"a": {"score": 1}, "b": {"score": 20}, "c": {"score": 3}, "d": {"score": 40}}


def test_it_says_which_run_each_row_is_of(tmp_path):
    store(NAME, summary({"a": 1, "b": 2, "c": 3}), tmp_path)
    first = load(NAME, tmp_path)
    store(NAME, kept(tmp_path, {"b": 20}), tmp_path)
    path = tmp_path / f"{NAME}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"command": "the second"}))
    result = kept(tmp_path, {"c": 30})
    assert [(run["methods"], run["command"]) for run in result["kept"]] == [
        (["a"], first["command"]),
        (["b"], "the second"),
    ]
    text = provenance(load(NAME, tmp_path) | {"result": result})
    assert "The rows a come from an earlier run" in text and "    the second" in text


def test_without_kept_rows_the_provenance_is_one_run(tmp_path):
    store(NAME, summary({"a": 1}), tmp_path)
    assert "earlier" not in provenance(load(NAME, tmp_path))


@pytest.mark.parametrize("other", [{"protocol": "half of the faces"}, {"seed": 1}])
def test_rows_of_another_protocol_are_refused(tmp_path, other):
    store(NAME, summary({"a": 1}), tmp_path)
    with pytest.raises(InputError, match="another protocol"):
        kept(tmp_path, {"b": 2}, **other)


def test_there_must_be_rows_to_keep(tmp_path):
    with pytest.raises(InputError, match="no results"):
        kept(tmp_path, {"b": 2})


def test_arrays_of_other_rows_stay(tmp_path):
    np.savez(tmp_path / "raw.npz", a=np.arange(3), b=np.arange(2))
    arrays = keep_arrays(tmp_path / "raw.npz", {"b": np.arange(5)})
    assert {name: len(array) for name, array in arrays.items()} == {"a": 3, "b": 5}
