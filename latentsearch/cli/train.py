"""`latentsearch train FAMILY DIR -o RUN`."""

from __future__ import annotations

from typing import Any

import click

from indexer.numbers import GREATEST
from latentsearch.cli.headings import HeadedVerb, under
from latentsearch.cli.options import COUNT, COUNT_OR_NONE, NOT_NEGATIVE, PATH, SEED, SHARE, THREADS, Finite
from latentsearch.cli.train_request import AUTO, FITTED, TrainRequest
from latentsearch.training.engine import limits

# A module each in latentsearch.training, which `--help` does not import.
NETWORKS = ("aegan", "direct", "bigan", "ivegan", "icgan", "attributes", "autoencoder", "contrastive", "wgan-gp")
FAMILIES = (FITTED, *NETWORKS)
DESIGNS = ("IND", "IND-COND", "SNG")
POSITION = click.IntRange(0, 4)
LATENT_SIZE = click.IntRange(1, limits.LATENT_SIZE)
WIDTH = click.IntRange(1, limits.WIDTH)

run_option = under("Run")
recipe_option = under("Recipe")
family_option = under("Recipes of some families")
auto_option = under("With --latent-size auto")
hardware_option = under("Hardware")


def _latent_size(context: click.Context, option: click.Parameter, value: Any) -> int | str | None:
    """A number of at least 1, or "auto"."""
    return value if value in (None, AUTO) else LATENT_SIZE.convert(value, option, context)


@click.command("train", cls=HeadedVerb)
@click.argument("family", type=click.Choice(FAMILIES))
@click.argument("data", type=PATH, metavar="DATA")
@run_option("-o", "--output", "folder", required=True, type=PATH, help="The run's folder.")
@run_option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@run_option("--checkpoint-seconds", type=NOT_NEGATIVE, default=120.0, show_default=True)
@run_option("--sheet-steps", type=COUNT, default=250, show_default=True)
@recipe_option("--preset", type=click.Choice(("paper", "small", "large", "copies")), default="small", show_default=True)
@recipe_option("--width", type=WIDTH, help="Channels of the first convolution.")
@recipe_option("--latent-size", callback=_latent_size, metavar="N|auto", help="Numbers of a code, or auto: see below.")
@recipe_option("--batch", type=click.IntRange(2, GREATEST), help="Pictures a step.")
@recipe_option("--epochs", type=COUNT_OR_NONE)
@recipe_option("--average-decay", type=SHARE, help="Decay of the moving average of weights.")
@recipe_option("--seed", type=SEED)
@recipe_option(
    "--change", "changes", multiple=True, metavar="NAME=VALUE", help="Any other field of the recipe; repeat."
)
@family_option("--generator", type=PATH, help="direct, icgan: take that of this run.")
@family_option("--generator-epochs", type=COUNT_OR_NONE, help="aegan, direct, icgan: of the generator.")
@family_option("--inverse-epochs", type=COUNT_OR_NONE, help="aegan, direct: of the inverse; icgan: of Ez.")
@family_option("--attribute-epochs", type=COUNT_OR_NONE, help="icgan: of Ey; 0 with --generator takes that run's.")
@family_option("--design", type=click.Choice(DESIGNS), help="icgan: how Ez and Ey go together.  [IND]")
@family_option("--generator-position", type=POSITION, help="icgan: the layers of G before y is joined.  [0]")
@family_option("--discriminator-position", type=POSITION, help="icgan: the layers of D before y is joined.  [1]")
@family_option("--labels", "label_file", type=PATH, help="icgan, attributes: a CSV of labels.")
@family_option(
    "--label", "labels", multiple=True, metavar="NAME", help="icgan, attributes: learn with this one; repeat."
)
@family_option("--parts", metavar="NAME|FILE", help="parts: faces, grid, or a TOML or JSON file of boxes.  [by shape]")
@family_option("--variational", is_flag=True, default=None, help="autoencoder: a variational one.")
@family_option("--mirrored", is_flag=True, default=None, help="autoencoder: with the networks of wgan-gp.")
@auto_option("--auto-sizes", default="10,50,100,500,1000", show_default=True, help="auto: what is tried.")
@auto_option("--auto-factor", type=Finite(1), default=1.2, show_default=True, help="auto: how far an error may be.")
@auto_option("--auto-steps", type=COUNT, default=1000, show_default=True, help="auto: of each autoencoder.")
@hardware_option("--threads", type=THREADS, help="Processor threads; the same number gives the same run.")
@hardware_option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@hardware_option("--precision", type=click.Choice(("auto", "fp32", "bf16", "fp16")), default="auto", show_default=True)
def command(**options: Any) -> None:
    """Learn codes from DATA: a folder of pictures, MNIST (mnist.npz or a folder of its files), CIFAR-10 (an .npz
    file), or the word `ring` for the synthetic ring.

    parts is classical, no network: it needs neither PyTorch nor more than some minutes. It reads whole, middle, eyes,
    nose, mouth, top and jaw of aligned faces, which it knows by the shape of CelebA's files, 178x218 (else: --parts
    faces); of other pictures whole, middle and quarters. --parts FILE names other boxes: a table `parts` of
    NAME = [left, top, right, bottom], as shares of the framed picture from 0 to 1.

    icgan and attributes learn with labels, 1 or 0: CelebA's, found in DATA or beside it, those of --labels FILE.csv,
    or the ten digits. All others learn without.

    The run's folder gets checkpoints, `stats.jsonl`, and sheets of samples and reconstructions. A run that was
    stopped at any moment goes on with --resume.

    --latent-size auto tries several sizes first: an autoencoder of each learns for a while, and the smallest size whose
    error on validation images is within --auto-factor of the largest's is taken.

    --change shift=0 sets a field of the recipe that has no option of its own; run.json in a run's folder lists all.
    """
    from indexer.system.extras import require_training

    asked = TrainRequest.of(options)
    if asked.family == FITTED:
        if asked.generator or asked.label_file or asked.labels or asked.settings["latent_size"] == AUTO:
            raise click.UsageError("parts has no --generator, --labels, --label or --latent-size auto: leave it out.")
        from latentsearch.cli.train_parts import fit

        return fit(asked)
    require_training()
    from latentsearch.cli.train_network import train_network

    train_network(asked)
