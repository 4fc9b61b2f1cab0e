"""`latentsearch train parts`: fit codes by parts of the picture, without a network."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from latentsearch.cli.stderr import Bar
from latentsearch.cli.train_request import FITTED, TrainRequest


def fit(asked: TrainRequest) -> None:
    """Fit a run. There are no checkpoints; a stopped run keeps only its decoded pictures."""
    # BLAS gets one thread, and each part is fitted on a thread of its own. Several BLAS threads wait for one another by
    # spinning, which takes ten times as long on a busy machine, and the result would depend on their number.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from indexer.system.extras import require, require_extra
    from latentsearch.training.datasets import examples
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.engine import registry
    from latentsearch.training.engine import run as runs
    from latentsearch.training.families import parts as fitted

    require("onnxruntime")
    require_extra("cpu", "onnx")
    started = time.monotonic()
    chosen = registry.choose_recipe(FITTED, examples.content_of(asked.data), asked.preset, asked.settings)
    changed: Any = registry.change_recipe(chosen, asked.changes)
    recipe = fitted.settled(changed, asked.data)
    runs.begin(asked.folder, FITTED, recipe, asked.resume)
    with Bar("decoding") as bar:
        found = examples.load(asked.data, asked.folder, recipe.framing, bar.show, scale=True)
    assert isinstance(found, Images)
    click.echo(f"{found.describe_for_people()}; parts: {', '.join(part.name for part in recipe.chosen)}", err=True)
    runs.describe(asked.folder, data=found.describe(), preset=asked.preset)
    with Bar("fitting") as bar:
        fitted.fit(recipe, found, asked.folder, lambda what, done, total: bar.show(done, total, what))
    click.echo(f"fitted in {time.monotonic() - started:.0f} s: latentsearch export {asked.folder} -o BUNDLE", err=True)
