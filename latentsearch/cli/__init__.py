"""The command line: one file a verb, parsing only; results on stdout, everything else on stderr."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import os
import sys
from typing import Any, NoReturn, TextIO

import click

from indexer.errors import LatentsearchError

# The help line stands here so that `--help` imports no verb.
VERBS = {
    "index": "Add the pictures of folders to the index.",
    "query": "Find the pictures most like given ones.",
    "labels": "List the labels that pictures have.",
    "attributes": "Tell which attributes pictures show.",
    "duplicates": "Find pictures that are copies of one another.",
    "status": "Show what the index holds.",
    "remove": "Remove pictures from the index; their files stay.",
    "check": "Check the index and rebuild what is derived.",
    "encoders": "List the encoders that can be used.",
    "train": "Learn codes from a folder of pictures.",
    "export": "Make an encoder bundle of a training run, or a Parquet file of the index.",
    "import": "Make or extend an index from a Parquet file.",
    "sample": "Draw pictures from a bundle's generator.",
    "invert": "Find a picture's code by optimisation.",
    "data": "List, fetch and verify public data sets.",
}
# A module cannot have the name of a word of Python's.
MODULES = {"import": "import_"}

BROKEN_PIPE = 141
# Objects between two looks for unreachable ones.
OBJECTS_BETWEEN_LOOKS = 50_000


class Interrupted(LatentsearchError):
    """The user pressed Ctrl-C."""

    exit_code = 130


class ReaderLeft(Exception):
    """Whoever read our stdout, such as `head`, has left; click would make an error of it."""


class Diagnostics:
    """What a verb was asked to show of an error. debug: its traceback, instead of one sentence."""

    def __init__(self) -> None:
        self.debug = False


def tell(sentence: str) -> None:
    """Print a line on stderr that says whose it is: all that people should know besides a verb's results."""
    click.echo(f"latentsearch: {sentence}", err=True)


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        if cmd_name not in VERBS:
            return None
        module = MODULES.get(cmd_name, cmd_name)
        command: click.Command = importlib.import_module(f"latentsearch.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; Ctrl-C and a reader that left are told apart from click's other reasons to stop."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted("interrupted") from interrupt
        except BrokenPipeError:
            raise ReaderLeft from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command: whatever goes wrong is one line on stderr and an exit code; a closed pipe is no error."""
        _keep_unprintable_names(sys.stdout)
        _look_for_garbage_less()
        diagnostics = Diagnostics()
        try:
            status = super().main(*args, **{**kwargs, "standalone_mode": False, "obj": diagnostics})
            sys.stdout.flush()
        except (BrokenPipeError, ReaderLeft):
            _close_quietly(sys.stdout)
            sys.exit(BROKEN_PIPE)
        except LatentsearchError as error:
            _fail(str(error), error.exit_code, diagnostics)
        except click.ClickException as error:
            _fail(_usage(error), error.exit_code, diagnostics)
        except click.Abort:
            _fail("interrupted", Interrupted.exit_code, diagnostics)
        except OSError as error:
            _close_quietly(sys.stdout)
            _fail(_reason(error), LatentsearchError.exit_code, diagnostics)
        sys.exit(status if isinstance(status, int) else 0)


def _look_for_garbage_less() -> None:
    """What a verb imports stays: looking through it with every 700 new objects takes a tenth of its start.

    At the end the system takes all of it back: looking through it once more would take longer than the rest of the end.
    """
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS)
    atexit.register(gc.freeze)


def _fail(message: str, status: int, diagnostics: Diagnostics) -> NoReturn:
    """End with what is known of the error that is being handled."""
    if diagnostics.debug:
        import traceback

        traceback.print_exc()
    else:
        tell(message)
    sys.exit(status)


def _usage(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    return f"{message} See `{context.command_path} --help`." if context else message


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {reason}" if isinstance(error.filename, str | bytes) else reason


def _keep_unprintable_names(stream: TextIO) -> None:
    """Print what the terminal's encoding cannot say, a file's name for instance, with backslashes."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _close_quietly(stream: TextIO) -> None:
    """Drop what a reader that has left will not read, or Python complains of it at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="latentsearch")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Find the pictures most like a given one, in any folder, on this machine alone."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
