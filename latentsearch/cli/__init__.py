"""The command line, with one module per verb. Results go to stdout, everything else to stderr."""

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

# Verbs and their one-line help, kept here so that `latentsearch --help` imports no verb.
VERBS = {
    "index": "Add the pictures in folders to the index.",
    "query": "Find the pictures most like a given one.",
    "labels": "List the labels of the pictures in the index.",
    "attributes": "Predict which attributes pictures show.",
    "duplicates": "Find pictures that are copies of one another.",
    "faces": "Group the faces in pictures that look alike.",
    "status": "Show what the index holds.",
    "remove": "Remove pictures from the index; their files stay.",
    "check": "Check the index and repair its search data.",
    "encoders": "List the available encoders.",
    "train": "Train an encoder on a folder of pictures.",
    "export": "Write a training run as an encoder bundle, or the index as a Parquet file.",
    "import": "Create or extend an index from a Parquet file.",
    "sample": "Generate pictures with a bundle's generator.",
    "invert": "Find a picture's code by optimisation.",
    "data": "List, fetch and verify public data sets.",
}
# Verbs whose name is a Python keyword, and their modules.
MODULES = {"import": "import_"}

# The exit code after the reader of stdout has closed it: 128 + SIGPIPE.
BROKEN_PIPE = 141
# New objects between two runs of the garbage collector; Python's default is 700.
OBJECTS_BETWEEN_COLLECTIONS = 50_000


class Interrupted(LatentsearchError):
    """The user pressed Ctrl-C."""

    exit_code = 130


class ReaderLeft(Exception):
    """The reader of stdout, such as `head`, has closed it. Raised because click would report an error."""


class Diagnostics:
    """How errors are shown. debug: with a traceback instead of one sentence."""

    def __init__(self) -> None:
        self.debug = False


def tell(sentence: str) -> None:
    """Print a sentence on stderr after the program's name: anything people should know besides the results."""
    click.echo(f"latentsearch: {sentence}", err=True)


class Verbs(click.Group):
    """A command group that imports a verb's module only when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a newcomer needs them."""
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
        """Run a verb, and turn Ctrl-C and a closed stdout into exceptions that click does not handle itself."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted("interrupted") from interrupt
        except BrokenPipeError:
            raise ReaderLeft from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command and exit: an error is one line on stderr and an exit code; a closed pipe prints nothing."""
        _keep_unprintable_names(sys.stdout)
        _collect_garbage_less_often()
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


def _collect_garbage_less_often() -> None:
    """Run the garbage collector less often in this process, and not at all at exit.

    Imported modules stay alive, so collecting while they load frees nothing: with Python's default of 700 objects it
    takes a tenth of the start-up time, and a last collection at exit takes longer than the rest of the exit.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)


def _fail(message: str, status: int, diagnostics: Diagnostics) -> NoReturn:
    """Print the error that is being handled, as a sentence or a traceback, and exit."""
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
    """Print characters that the terminal's encoding lacks, in file names for instance, as backslash escapes."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _close_quietly(stream: TextIO) -> None:
    """Redirect a closed stream to /dev/null, or Python prints an error when it flushes the stream at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="latentsearch")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Find the pictures most like a given one, in any folder. Everything stays on this machine."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
