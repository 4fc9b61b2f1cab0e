"""Train an encoder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from indexer.errors import InputError

if TYPE_CHECKING:
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.datasets.ring import Points
    from latentsearch.training.engine.family import Family, Recipe
    from latentsearch.training.engine.precision import Precision
    from latentsearch.training.progress import Progress

logger = logging.getLogger(__name__)

# The family without a network, which needs no PyTorch; and the latent size that stands for choosing one.
FITTED, AUTO = "parts", "auto"
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


class Request(NamedTuple):
    """The arguments of `train`, under the same names."""

    family: str
    data: Path
    run: Path
    preset: str
    changes: tuple[tuple[str, Any], ...]
    labels: tuple[str, ...]
    label_file: Path | None
    generator: Path | None
    resume: bool
    auto_sizes: list[int]
    auto_factor: float
    auto_steps: int
    checkpoint_seconds: float
    sheet_steps: int
    threads: int | None
    device: str
    precision: str
    report: Callable[[Progress], None]

    def report_decoding(self, done: int, total: int | None) -> None:
        """Report the number of decoded pictures."""
        self.report_step("decoding", done, total)

    def report_step(self, stage: str, done: int, total: int | None) -> None:
        """Report a step of a stage without losses."""
        from latentsearch.training.progress import Progress

        self.report(Progress(stage, done, total))


def train(
    family: str,
    data: str | Path,
    run: str | Path,
    *,
    preset: str = "small",
    changes: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
    labels: Iterable[str] = (),
    label_file: str | Path | None = None,
    generator: str | Path | None = None,
    resume: bool = False,
    auto_sizes: Iterable[int] = (10, 50, 100, 500, 1000),
    auto_factor: float = 1.2,
    auto_steps: int = 1000,
    checkpoint_seconds: float = 120.0,
    sheet_steps: int = 250,
    threads: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train an encoder on data by the method of a family, and write the run to a folder; returns its run.json.

    family: "parts", which needs no torch, or a network, such as "contrastive". data: a folder of pictures, MNIST or
    CIFAR-10, or "ring". changes: fields of the preset's recipe by name, or pairs in order; latent_size "auto" chooses
    one by auto_sizes, auto_factor, auto_steps. labels, label_file: of "icgan" and "attributes". generator: a finished
    run. All arguments are as the options of `latentsearch train`. on_progress: gets an object with stage, step, steps,
    images_per_second, seconds_left and losses.

    Ctrl-C saves a checkpoint; resume continues from it. Raises InputError for unsuitable data or recipes and for a
    full disk, TrainingError if the run diverges, MissingExtra without the extra `train` (for "parts", `cpu`).

    >>> described = ls.train("parts", folder / "pictures", folder / "run", changes={"size": 32, "latent_size": 4})
    >>> described["family"], described["data"]["images"]
    ('parts', 5)
    """
    pairs = tuple(changes.items()) if isinstance(changes, Mapping) else tuple(changes)
    asked = Request(
        family, Path(data), Path(run), preset, pairs, tuple(labels), _path(label_file), _path(generator),
        resume, sorted(set(auto_sizes)), auto_factor, auto_steps, checkpoint_seconds, sheet_steps, threads, device,
        precision, on_progress or _ignore,
    )  # fmt: skip
    _check(asked)
    if family == FITTED:
        _fit(asked)
    else:
        _train_network(asked)
    from latentsearch.training.engine import run as runs

    return runs.read(asked.run)


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _ignore(progress: Progress) -> None:
    pass


def _check(asked: Request) -> None:
    """Raise InputError for arguments that fit no family, or not this one."""
    from latentsearch.training.engine import limits, registry

    _require("family", asked.family, registry.FAMILIES)
    _require("device", asked.device, DEVICES)
    _require("precision", asked.precision, PRECISIONS)
    size = dict(asked.changes).get("latent_size")
    if asked.family == FITTED and (asked.generator or asked.label_file or asked.labels or size == AUTO):
        raise InputError(f'{FITTED} takes no generator, labels, label_file or latent_size "{AUTO}": leave it out')
    sizes = asked.auto_sizes or [0]
    if size == AUTO and not 1 <= sizes[0] <= sizes[-1] <= limits.LATENT_SIZE:
        raise InputError(f"auto_sizes is {asked.auto_sizes}: give numbers from 1 to {limits.LATENT_SIZE}")


def _require(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}: choose from {', '.join(choices)}")


def _fit(asked: Request) -> None:
    """Fit codes by parts. There are no checkpoints; a stopped run keeps only its decoded pictures."""
    from threadpoolctl import threadpool_limits

    from indexer.system.extras import require, require_extra
    from latentsearch.training.datasets import examples
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.engine import registry
    from latentsearch.training.engine import run as runs
    from latentsearch.training.families import parts

    require("onnxruntime")
    require_extra("cpu", "onnx")
    started = time.monotonic()
    content = examples.content_of(asked.data)
    changed: Any = registry.make_recipe(FITTED, content, asked.preset, asked.changes)
    recipe = parts.settled(changed, asked.data)
    runs.begin(asked.run, FITTED, recipe, asked.resume)
    found = examples.load(asked.data, asked.run, recipe.framing, asked.report_decoding, scale=True)
    assert isinstance(found, Images)
    logger.info("%s; parts: %s", found.describe_for_people(), ", ".join(part.name for part in recipe.chosen))
    runs.describe(asked.run, data=found.describe(), preset=asked.preset)
    # Each part is fitted on a thread of its own. Several BLAS threads wait for one another by spinning, which takes ten
    # times as long on a busy machine, and the result would depend on their number.
    with threadpool_limits(1, user_api="blas"):
        parts.fit(recipe, found, asked.run, asked.report_step)
    logger.info("fitted in %.0f s: latentsearch export %s -o BUNDLE", time.monotonic() - started, asked.run)


def _train_network(asked: Request) -> None:
    from indexer.system.extras import require_training

    require_training()
    import torch

    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.loop import Schedule, train
    from latentsearch.training.engine.precision import Precision, hardware

    if asked.threads:
        torch.set_num_threads(asked.threads)
    recipe, run = _recipe(asked), asked.run
    precision = runs.precision_of(run) if asked.resume and asked.precision == "auto" else asked.precision
    chosen = Precision.choose(asked.device, precision)
    logger.debug("%s on %s", recipe, chosen)
    family, found = _family(asked, recipe, chosen, _load(asked, recipe))
    runs.describe(run, data=found.describe(), preset=asked.preset, hardware=hardware(), precision=str(chosen))
    started = time.monotonic()
    train(family, found, run, asked.report, Schedule(asked.checkpoint_seconds, asked.sheet_steps))
    logger.info("trained in %.0f s: latentsearch export %s -o BUNDLE", time.monotonic() - started, run)


def _recipe(asked: Request) -> Recipe:
    """Return the preset's recipe with all changes, the sizes of a given generator, and the labels to learn."""
    from latentsearch.training.datasets import examples
    from latentsearch.training.datasets.labelled import choose_labels
    from latentsearch.training.engine import registry
    from latentsearch.training.engine.family import LabelledRecipe

    sizes = _sizes_of_generator(asked.generator) if asked.generator else {}
    changes = [(name, value) for name, value in asked.changes if name not in sizes]
    if dict(changes).get("latent_size") == AUTO:
        changes = [(name, value) for name, value in changes if value != AUTO] + [("latent_size", _chosen_size(asked))]
    untrained = {"generator_epochs": 0} if asked.generator else {}
    settings = sizes | untrained | {"labels": asked.labels or None}
    recipe = registry.make_recipe(asked.family, examples.content_of(asked.data), asked.preset, changes, settings)
    if isinstance(recipe, LabelledRecipe):
        return replace(recipe, labels=choose_labels(asked.data, asked.label_file, recipe.labels))
    if asked.label_file:
        raise InputError(f"{asked.family} learns without labels: leave out --labels")
    return recipe


def _sizes_of_generator(run: Path) -> dict[str, Any]:
    """Return the sizes of a finished run's generator."""
    from latentsearch.training.engine import run as runs

    names = ("width", "latent_size", "generator_position", "discriminator_position")
    recipe = runs.read(run)["recipe"]
    return {name: recipe[name] for name in names if recipe.get(name) is not None}


def _chosen_size(asked: Request) -> int:
    """Return the latent size of a resumed run, or choose one by training an autoencoder of each size."""
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.latent_size import choose
    from latentsearch.training.engine.precision import Precision

    precision = Precision.choose(asked.device, asked.precision)
    if asked.resume:
        return int(runs.read(asked.run)["recipe"]["latent_size"])
    choice = choose(
        asked.data,
        asked.run,
        sizes=asked.auto_sizes,
        factor=asked.auto_factor,
        steps=asked.auto_steps,
        seed=int(dict(asked.changes).get("seed", 0)),
        precision=precision,
        report=lambda size, now: asked.report(replace(now, stage=f"autoencoder of {size} numbers")),
    )
    logger.info("%s", choice.reason)
    return choice.size


def _load(asked: Request, recipe: Recipe) -> Images | Points:
    """Check the data, make the run's folder and load the data. Bad input leaves no folder behind."""
    from latentsearch.training.datasets import examples
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.loop import require_batch

    require_batch(examples.count(asked.data), recipe.step_size)
    runs.begin(asked.run, asked.family, recipe, asked.resume)
    found = examples.load(asked.data, asked.run, recipe.framing, asked.report_decoding)
    logger.info("%s", found.describe_for_people())
    return found


def _family(
    asked: Request, recipe: Recipe, precision: Precision, found: Images | Points
) -> tuple[Family, Images | Points]:
    """Make the networks, and add labels to the examples if the family learns with them."""
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.datasets.labelled import with_labels
    from latentsearch.training.engine import registry
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.family import LabelledRecipe
    from latentsearch.training.engine.trained import load_family
    from latentsearch.training.engine.training_facts import generator_facts

    family = registry.load_module(asked.family).FAMILY(recipe, precision)
    if isinstance(recipe, LabelledRecipe) and isinstance(found, Images):
        found = with_labels(found, asked.data, asked.label_file, recipe.labels, asked.run)
        family.take_labels(found.all_labels())
    if asked.generator and not asked.resume:
        family.take_generator(load_family(asked.generator))
        runs.describe(asked.run, generator=generator_facts(asked.generator))
    return family, found
