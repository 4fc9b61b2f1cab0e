"""`latentsearch invert IMAGE…`: find the codes of pictures by optimisation instead of an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import latentsearch as ls
from latentsearch.cli.options import (
    COUNT_OR_NONE,
    POSITIVE,
    SEED,
    THREADS,
    Verb,
    images_argument,
    json_option,
    output_option,
)
from latentsearch.cli.stderr import Bar

if TYPE_CHECKING:
    from latentsearch.inversion.optimise import Method
    from latentsearch.inversion.reconstruct import Reconstruction

DESCRIBED: dict[Method, str] = {"gradient": "gradient descent", "projected": "projected Adam"}


@click.command("invert", cls=Verb)
@images_argument
@click.option(
    "--generator",
    "bundle",
    metavar="BUNDLE",
    help="The bundle whose generator is used, by name or folder.  [default: aegan]",
)
@click.option(
    "--method",
    type=click.Choice(tuple(DESCRIBED)),
    default="projected",
    show_default=True,
    help="How to optimise: see above.",
)
@click.option(
    "--start",
    default="random",
    show_default=True,
    metavar="random|ENCODER",
    help="Start from a random code, or from the code by this encoder, by name or folder.",
)
@click.option("--steps", type=COUNT_OR_NONE, help="How many steps to take.  [default: 200]")
@click.option(
    "--learning-rate", type=POSITIVE, help="The step size.  [default: 0.2 for projected, 0.0003 for gradient]"
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="The seed of a random start.")
@click.option("--threads", type=THREADS, help="Processor threads.  [default: PyTorch's]")
@output_option("Write the reconstruction to this file; for several pictures, to this folder.", required=False)
@json_option("Print one JSON object per picture, with its code.")
def command(
    images: tuple[Path, ...],
    bundle: str | None,
    method: Method,
    start: str,
    steps: int | None,
    learning_rate: float | None,
    seed: int,
    threads: int | None,
    target: Path | None,
    as_json: bool,
) -> None:
    """Find the code whose generated picture is most like IMAGE, by optimisation. Several pictures are done at once.

    --method gradient minimises the cross-entropy between the pictures by gradient descent. --method projected minimises
    the squared error by Adam, and keeps the code within the ball that contains nearly all codes that the generator was
    trained on.
    """
    with Bar(DESCRIBED[method], unit="steps") as bar:
        found = ls.invert(
            images,
            bundle,
            method=method,
            start=start,
            steps=steps,
            learning_rate=learning_rate,
            seed=seed,
            threads=threads,
            target=target,
            on_progress=lambda step, done, total: bar.show(done, total),
        )
    for one in found:
        click.echo(_as_json(one) if as_json else _as_text(one))


def _as_json(found: Reconstruction) -> str:
    import json

    return json.dumps(found.to_json())


def _as_text(found: Reconstruction) -> str:
    start, end = found.start, found.end
    ball = "no prior" if found.radius is None else f"the prior's ball: {found.radius:.2f}"
    return "\n".join(
        (
            f"{found.image}: {DESCRIBED[found.method]}, {found.steps} steps, {found.seconds:.1f} s",
            f"{'':16}{'start':>10}{'end':>10}",
            f"{'difference':16}{start.difference:10.2f}{end.difference:10.2f}  mean, in steps of 255",
            f"{'cross-entropy':16}{start.cross_entropy:10.4f}{end.cross_entropy:10.4f}  mean, in nats a colour value",
            f"{'length of code':16}{start.length:10.2f}{end.length:10.2f}  {ball}",
        )
    )
