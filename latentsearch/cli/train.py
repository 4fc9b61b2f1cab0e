"""`latentsearch train FAMILY DATA -o RUN`: train an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import latentsearch as ls
from latentsearch.cli.headings import HeadedVerb, under
from latentsearch.cli.options import COUNT, COUNT_OR_NONE, NOT_NEGATIVE, PATH, SEED, SHARE, THREADS, Finite, Whole
from latentsearch.interface.training import AUTO, DEVICES, FITTED, PRECISIONS
from latentsearch.training.engine import limits
from latentsearch.training.engine.registry import FAMILIES, require_fields

DESIGNS = ("IND", "IND-COND", "SNG")
POSITION = click.IntRange(0, limits.POSITION)
LATENT_SIZE = click.IntRange(1, limits.LATENT_SIZE)
WIDTH = click.IntRange(1, limits.WIDTH)

# The options that are arguments of `ls.train`; the others, except those that `_train` names, are fields of a recipe.
TRAIN_OPTIONS = (
    "preset", "label_file", "generator", "resume", "auto_factor", "auto_steps", "checkpoint_seconds", "sheet_steps",
    "threads", "device", "precision",
)  # fmt: skip

run_option = under("Run")
recipe_option = under("Recipe")
family_option = under("Recipes of some families")
auto_option = under("With --latent-size auto")
hardware_option = under("Hardware")


def _latent_size(context: click.Context, option: click.Parameter, value: Any) -> int | str | None:
    """Parse a number from 1, or "auto"."""
    return value if value in (None, AUTO) else LATENT_SIZE.convert(value, option, context)


@click.command("train", cls=HeadedVerb)
@click.argument("family", type=click.Choice(FAMILIES))
@click.argument("data", type=PATH, metavar="DATA")
@run_option("-o", "--output", "run", required=True, type=PATH, help="The folder of the run.")
@run_option("--resume", is_flag=True, help="Continue from the last checkpoint in the run's folder.")
@run_option(
    "--checkpoint-seconds",
    type=NOT_NEGATIVE,
    default=120.0,
    show_default=True,
    help="Seconds between two checkpoints.",
)
@run_option(
    "--sheet-steps",
    type=COUNT,
    default=250,
    show_default=True,
    help="Steps between two sheets of samples and reconstructions.",
)
@recipe_option(
    "--preset",
    type=click.Choice(("paper", "small", "large", "copies")),
    default="small",
    show_default=True,
    help="The recipe to start from; the options below change its fields.",
)
@recipe_option("--width", type=WIDTH, help="Channels of the first convolution.")
@recipe_option(
    "--latent-size", callback=_latent_size, metavar="N|auto", help="Numbers per code, or auto to choose (see above)."
)
@recipe_option("--batch", type=Whole(2), help="Pictures per step.")
@recipe_option("--epochs", type=COUNT_OR_NONE, help="Passes over the training pictures.")
@recipe_option("--average-decay", type=SHARE, help="Decay per step of the moving average of the weights, 0 to 1.")
@recipe_option("--seed", type=SEED, help="The seed of initial weights and random draws.")
@recipe_option(
    "--change",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a field of the recipe that has no option; may be repeated.",
)
@family_option(
    "--generator",
    type=PATH,
    help="aegan, direct, icgan: start from the generator of this finished run; it learns on for --generator-epochs.",
)
@family_option("--generator-epochs", type=COUNT_OR_NONE, help="aegan, direct, icgan: epochs of the generator.")
@family_option(
    "--inverse-epochs",
    type=COUNT_OR_NONE,
    help="aegan, direct: epochs of the inverse generator; icgan: epochs of the encoder Ez.",
)
@family_option(
    "--attribute-epochs",
    type=COUNT_OR_NONE,
    help="icgan: epochs of the attribute encoder Ey; 0 with --generator uses that run's Ey.",
)
@family_option(
    "--design",
    type=click.Choice(DESIGNS),
    help="icgan: Ez and Ey as independent networks (IND), Ez conditioned on Ey's output (IND-COND), or one shared "
    "network (SNG).  [default: IND]",
)
@family_option(
    "--generator-position",
    type=POSITION,
    help="icgan: the number of layers of the generator before y is joined.  [default: 0]",
)
@family_option(
    "--discriminator-position",
    type=POSITION,
    help="icgan: the number of layers of the discriminator before y is joined.  [default: 1]",
)
@family_option(
    "--labels",
    "label_file",
    type=PATH,
    help="icgan, attributes: a CSV file of labels; its first column is the file name.",
)
@family_option(
    "--label", "labels", multiple=True, metavar="NAME", help="icgan, attributes: learn this label; may be repeated."
)
@family_option(
    "--parts",
    metavar="NAME|FILE",
    help="parts: faces, grid, or a TOML or JSON file of boxes.  [default: faces for CelebA's size, else grid]",
)
@family_option("--variational", is_flag=True, default=None, help="autoencoder: train a variational autoencoder.")
@family_option("--mirrored", is_flag=True, default=None, help="autoencoder: use the networks of wgan-gp.")
@auto_option("--auto-sizes", default="10,50,100,500,1000", show_default=True, help="The latent sizes to try.")
@auto_option(
    "--auto-factor",
    type=Finite(1),
    default=1.2,
    show_default=True,
    help="How many times the largest size's error is acceptable.",
)
@auto_option(
    "--auto-steps", type=COUNT, default=1000, show_default=True, help="Training steps of each size's autoencoder."
)
@hardware_option(
    "--threads",
    type=THREADS,
    help="Processor threads; a run is only repeatable with the same number.  [default: PyTorch's]",
)
@hardware_option(
    "--device",
    type=click.Choice(DEVICES),
    default="auto",
    show_default=True,
    help="Where to train: auto takes a GPU if there is one.",
)
@hardware_option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="The precision of the computation: auto takes the fastest on this device.",
)
def command(**options: Any) -> None:
    """Train an encoder on DATA by the method of a family, and write the run to a folder for `latentsearch export`.

    DATA is a folder of pictures, MNIST (mnist.npz or a folder of its files), CIFAR-10 (an .npz file), or the word
    `ring` for the synthetic ring.

    The family parts is a classical method without a network. It takes minutes and does not need PyTorch. It describes
    the parts of a picture: for aligned faces, the whole, middle, eyes, nose, mouth, top and jaw; for other pictures,
    the whole, middle and quarters. Pictures of CelebA's size, 178x218, count as aligned faces; for other sizes, write
    --parts faces. --parts FILE defines other boxes in a table `parts` of NAME = [left, top, right, bottom], as shares
    of the framed picture from 0 to 1.

    The families icgan and attributes learn with labels of 1 or 0: those of CelebA, found in DATA or beside it, those
    of --labels FILE.csv, or the ten digits. All other families learn without labels.

    The run's folder gets checkpoints, `stats.jsonl`, and sheets of samples and reconstructions. If the run is stopped,
    --resume continues it.

    --latent-size auto first trains an autoencoder of each of --auto-sizes for --auto-steps steps. It chooses the
    smallest size whose error on validation pictures is at most --auto-factor times that of the largest size.

    --change NAME=VALUE sets a field of the recipe that has no option, such as shift=0; the fields are in run.json in
    the run's folder.
    """
    _train(**options)


def _train(
    family: str,
    data: Path,
    run: Path,
    changes: tuple[str, ...],
    labels: tuple[str, ...],
    auto_sizes: str,
    **options: Any,
) -> None:
    from latentsearch.cli.train_progress import StageBar

    own = {name: options.pop(name) for name in TRAIN_OPTIONS}
    settings = {name: value for name, value in options.items() if value is not None}
    changed = [*settings.items(), *map(_split, changes)]
    is_auto = settings.get("latent_size") == AUTO
    if family == FITTED and (own["generator"] or own["label_file"] or labels or is_auto):
        raise click.UsageError("parts has no --generator, --labels, --label or --latent-size auto: leave it out.")
    _prepare(family, [*settings, *(["labels"] if labels else [])])
    sizes = _numbers(auto_sizes) if is_auto else ()
    with StageBar() as bar:
        ls.train(family, data, run, changes=changed, labels=labels, auto_sizes=sizes, on_progress=bar.show, **own)


def _prepare(family: str, settings: list[str]) -> None:
    """Check that a family has these options and what it needs is installed, before any work starts."""
    from indexer.system.extras import require_training

    if family != FITTED:
        require_training()
    require_fields(family, settings)


def _split(change: str) -> tuple[str, str]:
    name, _, text = change.partition("=")
    return name, text


def _numbers(text: str) -> list[int]:
    try:
        sizes = sorted({int(word) for word in text.split(",")})
    except ValueError:
        sizes = [0]
    if sizes[0] < 1 or sizes[-1] > limits.LATENT_SIZE:
        raise click.BadParameter(f"{text!r} is not numbers with commas between, each from 1 to {limits.LATENT_SIZE}")
    return sizes
