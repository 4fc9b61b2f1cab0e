import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import experiments, run
from benchmarks.core.results import CHECKOUT, command_line, load, store
from indexer.errors import InputError


def test_what_is_stored_is_loaded(tmp_path):
    path = store("speed", {"seed": 7, "seconds": [1.5, 2.0]}, tmp_path)
    assert path == tmp_path / "speed.json"
    record = load("speed", tmp_path)
    assert record["result"] == {"seed": 7, "seconds": [1.5, 2.0]}
    assert record["seed"] == 7
    assert record["machine"]["cores"] >= 1
    assert "numpy" in record["machine"]["versions"]
    assert set(record) >= {"command", "commit", "dirty", "date"}


def test_a_later_result_replaces_an_earlier_one(tmp_path):
    store("speed", {"images": 1}, tmp_path)
    store("speed", {"images": 2}, tmp_path)
    assert load("speed", tmp_path)["result"] == {"images": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["speed.json"]


def test_a_missing_result_says_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match="python -m benchmarks speed"):
        load("speed", tmp_path)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (["--data", "../celeba"], "--data ../celeba"),
        (["--data", "/somewhere/celeba"], "--data $DATA"),
        (["--data=/somewhere/celeba", "-k", "3"], "--data=$DATA -k 3"),
        (["--run", str(CHECKOUT / "runs" / "first")], "--run runs/first"),
        (["/somewhere/else"], "$FOLDER"),
        (["--name", "two words"], "--name 'two words'"),
    ],
)
def test_a_command_shows_no_path_of_this_machine(typed, shown):
    assert command_line(["__main__.py", "speed", *typed]) == f"python -m benchmarks speed {shown}"


def test_every_experiment_is_listed_with_a_line(capsys):
    run([])
    listed = capsys.readouterr().out
    assert "label-similarity" in experiments()
    assert all(name in listed and line and line in listed for name, line in experiments().items())


def test_an_unknown_name_is_one_sentence_on_stderr():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "nothing"], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "benchmarks: there is no benchmark nothing: `python -m benchmarks` lists all of them\n"


def test_stored_results_hold_no_path_of_a_machine():
    for path in (CHECKOUT / "benchmarks" / "results").glob("*.json"):
        command = json.loads(path.read_text())["command"]
        assert not any(word.startswith("/") for word in command.replace("=", " ").split())
