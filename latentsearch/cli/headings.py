"""Help with options grouped under headings, for verbs with many options."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from latentsearch.cli.options import F, Verb

OTHERS = "Other options"


class HeadedOption(click.Option):
    """An option listed under a heading."""

    def __init__(self, *args: Any, heading: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.heading = heading


def under(heading: str) -> Callable[..., Callable[[F], F]]:
    """Return a decorator like `click.option` that lists the option under a heading."""
    return partial(click.option, cls=HeadedOption, heading=heading)


class HeadedVerb(Verb):
    """A verb whose help lists options under their headings, and options without one last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section per heading, in the order of their first options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            described = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if described is not None:
                heading = parameter.heading if isinstance(parameter, HeadedOption) else OTHERS
                sections.setdefault(heading, []).append(described)
        for heading, options in sections.items():
            with formatter.section(heading):
                formatter.write_dl(options)
