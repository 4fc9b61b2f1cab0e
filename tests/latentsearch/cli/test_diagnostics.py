"""--verbose and --debug, which every verb has, and what is logged: sentences on stderr."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from latentsearch.cli import VERBS
from tests.latentsearch.collection import call
from tests.support import make_bundle, make_folder

IN_DATA = ("list", "fetch", "verify")
COMMANDS = [*((verb,) for verb in VERBS if verb != "data"), *(("data", verb) for verb in IN_DATA)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("indexed")
    make_folder(place / "pictures", 4)
    bundle = make_bundle(place / "bundles")
    made = call("index", place / "pictures", "--encoder", bundle, "--index", place / "index")
    assert made.exit_code == 0, made.stderr
    return place / "index"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_verb_has_both(command: tuple[str, ...]) -> None:
    shown = call(*command, "--help").stdout
    assert "--verbose" in shown and "--debug" in shown


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_debug_shows_the_traceback_of_an_error_instead_of_a_sentence(command: tuple[str, ...]) -> None:
    without, shown = call(*command, "--no-such-option"), call(*command, "--no-such-option", "--debug")
    assert without.exit_code == shown.exit_code == 2
    assert without.stderr.startswith("latentsearch: ") and without.stderr.count("\n") == 1
    assert shown.stderr.startswith("Traceback") and "latentsearch: " not in shown.stderr


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("query", "none.jpg"), 2),
        (("query", "--id", "many"), 2),
        (("status", "--index", "/nowhere/at/all"), 5),
        (("encoders", "surplus"), 2),
    ],
)
def test_the_exit_code_stays(words: tuple[str, ...], status: int) -> None:
    without, shown = call(*words), call(*words, "--debug")
    assert without.exit_code == shown.exit_code == status
    assert "Traceback" not in without.stderr and "Traceback" in shown.stderr
    assert shown.stderr.splitlines()[-1].partition(": ")[2] in without.stderr


def test_debug_behind_two_hyphens_is_a_name(index: Path) -> None:
    done = call("query", "--index", index, "--", "--debug")
    assert done.exit_code == 2 and done.stderr == "latentsearch: there is no picture at --debug: check the path\n"


def test_verbose_says_which_index_and_encoder_and_the_results_stay(index: Path) -> None:
    words = ("query", index.parent / "pictures" / "000001.jpg", "--index", index, "--paths")
    quiet, verbose, again = call(*words), call(*words, "--verbose"), call(*words)
    assert quiet.stdout == verbose.stdout == again.stdout
    assert quiet.stderr == again.stderr == "latentsearch: 4 of 20 pictures returned: the index has no more\n"
    lines = verbose.stderr.splitlines()
    assert all(line.startswith("latentsearch: ") for line in lines)
    for words_of_it in (f"index: {index} (--index)", "encoder tiny: ", "4 pictures of encoder tiny", "encode: "):
        assert sum(words_of_it in line for line in lines) == 1, words_of_it


def test_what_is_logged_is_printed_once_from_information_on(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def speak(*_: object) -> None:
        for package in ("indexer", "latentsearch", "another"):
            logger = logging.getLogger(f"{package}.part")
            logger.debug("%s: a detail", package)
            logger.info("%s: a sentence", package)

    monkeypatch.setattr("indexer.index.index.Index.label_summaries", lambda _: speak() or [])
    for _ in range(2):
        told = call("labels", "--index", index).stderr.splitlines()
        assert told[:2] == ["latentsearch: indexer: a sentence", "latentsearch: latentsearch: a sentence"]
        assert len(told) == 3 and "no picture has a label" in told[2]
