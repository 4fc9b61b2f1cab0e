"""The options of a verb that has many, under headings in its help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from latentsearch.cli.options import F, Verb

OTHERS = "Other options"


class HeadedOption(click.Option):
    """An option that stands under a heading."""

    def __init__(self, *args: Any, heading: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.heading = heading


def under(heading: str) -> Callable[..., Callable[[F], F]]:
    """What declares options under a heading, as `click.option` does."""
    return partial(click.option, cls=HeadedOption, heading=heading)


class HeadedVerb(Verb):
    """A verb whose help lists its options under their headings, those without one last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading, in the order in which they are first declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            described = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if described is not None:
                heading = parameter.heading if isinstance(parameter, HeadedOption) else OTHERS
                sections.setdefault(heading, []).append(described)
        for heading, options in sections.items():
            with formatter.section(heading):
                formatter.write_dl(options)
