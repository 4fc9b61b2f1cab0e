"""The command line's manners: one line for an error, exit codes, closed pipes, Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from indexer import errors
from latentsearch import cli

FAILING = """
import click, latentsearch.cli as cli
@click.command("status")
def command(): {body}
cli.Verbs.get_command = lambda self, ctx, name: command
cli.main(["status"], prog_name="latentsearch")
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments), prog_name="latentsearch")


def fail_with(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", FAILING.format(body=body)], capture_output=True, text=True)


def test_no_verb_shows_the_help() -> None:
    result = call()
    assert result.exit_code == 0
    assert all(verb in result.stdout for verb in cli.VERBS)


def test_version() -> None:
    assert call("--version").stdout.startswith("latentsearch, version ")


@pytest.mark.parametrize("arguments", [["nonsense"], ["query"], ["query", "--nonsense"], ["query", "a", "-k", "many"]])
def test_a_wrong_command_is_one_line_and_exit_code_2(arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("latentsearch: ")
    assert result.stderr.count("\n") == 1
    assert "--help" in result.stderr


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InputError, 2),
        (errors.UnreadableImage, 3),
        (errors.EncoderError, 4),
        (errors.IndexStateError, 5),
        (errors.DamagedIndex, 6),
        (errors.LockedIndex, 7),
        (errors.MissingExtra, 8),
        (errors.TrainingError, 9),
        (errors.TransferError, 10),
    ],
)
def test_our_errors_are_one_line_and_their_exit_code(
    error: type[errors.LatentsearchError], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("status")
    def command() -> None:
        raise error("what, where, what to do")

    monkeypatch.setattr(cli.Verbs, "get_command", lambda *_: command)
    result = call("status")
    assert (result.exit_code, result.stderr) == (status, "latentsearch: what, where, what to do\n")


def test_an_error_of_the_system_is_one_line() -> None:
    done = fail_with("open('/nowhere/at/all')")
    assert (done.returncode, done.stderr) == (1, "latentsearch: /nowhere/at/all: No such file or directory\n")


def test_a_full_disk_behind_stdout_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        code = FAILING.format(body="click.echo('x' * 100)")
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "latentsearch: No space left on device\n")


def test_a_reader_that_leaves_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = FAILING.format(body="click.echo('x' * 100_000)")
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (cli.BROKEN_PIPE, "")


def test_ctrl_c_is_one_line_and_130() -> None:
    # As in a terminal, also where the tests run in the background, whose processes ignore Ctrl-C.
    as_in_a_terminal = "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    body = f"{as_in_a_terminal}; os.kill(os.getpid(), signal.SIGINT)"
    done = fail_with(body)
    assert (done.returncode, done.stderr) == (130, "latentsearch: interrupted\n")


def test_a_bug_keeps_its_traceback() -> None:
    done = fail_with("1 / 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_a_name_that_the_terminal_cannot_say_is_escaped() -> None:
    code = FAILING.format(body=r"click.echo('/a/\udcff')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"/a/\\udcff\n")


def test_python_m_latentsearch_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "latentsearch", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: latentsearch ")
