"""`python -m latentsearch.cli.reference > docs/commands.md`: the command reference, made from the commands' help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from latentsearch.cli import VERBS, main

WIDTH = 100
INTRODUCTION = """\
# Command reference

This page is generated from the commands: `python -m latentsearch.cli.reference > docs/commands.md` writes it anew, and
`latentsearch VERB --help` prints the same text. [failures.md](failures.md#exit-codes) lists the exit codes.
"""


def reference() -> str:
    """Return the page, as Markdown: a list of the verbs, then a section with the help of each verb and subcommand."""
    sections = [f"## {context.command_path}\n\n```text\n{_help(context)}\n```\n" for context in _contexts()]
    return "\n".join([INTRODUCTION, _verbs(), *sections])


def _verbs() -> str:
    rows = [f"| [`{verb}`](#latentsearch-{verb}) | {summary} |" for verb, summary in VERBS.items()]
    return "\n".join(["| verb | |", "|---|---|", *rows, ""])


def _contexts() -> Iterator[click.Context]:
    """Yield a context for each verb in its listed order, followed by its subcommands."""
    program = click.Context(main, info_name="latentsearch", **main.context_settings)
    for verb in VERBS:
        yield from _below(program, main, verb)


def _below(parent: click.Context, group: click.Group, name: str) -> Iterator[click.Context]:
    command = group.get_command(parent, name)
    if command is None:
        raise LookupError(f"{parent.command_path} has no command {name}")
    context = click.Context(command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH)
    yield context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _below(context, command, inner)


def _help(context: click.Context) -> str:
    """Return the help as a terminal of WIDTH columns shows it, without spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())


if __name__ == "__main__":
    print(reference(), end="")
