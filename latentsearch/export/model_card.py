"""A bundle's model.json, and its model card, which says the same for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# The family that has no network and is fitted by linear algebra.
FITTED_FAMILY = "parts"

CARD = """# {name}

An encoder of the family {family}: pictures of {width}x{height} pixels to codes of {latent_size} numbers, compared by
{distance} distance.{generator}

{origin}{reading}

## Measured

{scores}

The {precision} graph against {exact}, on {check_images} pictures: mean cosine {mean_cosine},
least {least_cosine}, overlap of the top 20 {overlap}.
{generator_difference}
## Limits

The codes know what the training pictures showed, framed as those were. Do not use them to identify people.
"""


TRAINED = """## Trained on

{data}

**Terms:** {terms}

## How

| | |
|---|---|
| preset | {preset}, seed {seed} |
| steps | {steps} |
| time | {hours:.1f} hours |
| hardware | {hardware}, {precision} |
| commands | {commands} |
| commit | {commit} |

{labels}"""

FITTED = """## Fitted on

{data}

**Terms:** {terms}

## What it is

Classical, no network: linear algebra on fixed features. Of each picture: half-wave derivatives in eight directions
and mean colours on a grid of 16x16 cells (histograms of oriented gradients: Dalal and Triggs, CVPR 2005){mirror}. Of
each of the parts {parts} (modular eigenspaces: Pentland, Moghaddam and Starner, CVPR 1994) the directions in which
pictures differ and altered copies of one picture do not (linear discriminants: Fisher 1936), scaled to length 1; then
PCA of all side by side. Its generator is least squares from the code to the picture: it shows what the code sees.

| | |
|---|---|
| preset | {preset}, seed {seed} |
| time | {seconds} seconds |
| hardware | {hardware} |
| commands | {commands} |
| commit | {commit} |

No label of any picture was used in fitting it."""

PRETRAINED = """## Source

| | |
|---|---|
| network | `{source}`, timm {timm} |
| weights | {weights} |
| licence of the weights | {licence} |
| codes fitted on | {pictures:,} pictures |

**Terms:** {terms}

Whether labels of pictures were used in training, its source tells: most such networks learned from them."""


def write_model(folder: Path, model: dict[str, Any]) -> None:
    """Write a bundle's model.json and MODEL_CARD.md."""
    (folder / "model.json").write_text(json.dumps(model, indent=1) + "\n")
    (folder / "MODEL_CARD.md").write_text(model_card(model))


def record_scores(folder: Path, scores: dict[str, float]) -> None:
    """Put measured scores into a bundle's model.json and model card."""
    model = json.loads((folder / "model.json").read_text())
    write_model(folder, {**model, "scores": scores})


def model_card(model: dict[str, Any]) -> str:
    """The model card of a model.json, as Markdown."""
    fidelity = model["fidelity"]
    scores = "".join(f"- {name}: {value}\n" for name, value in model["scores"].items())
    return CARD.format(
        **{key: model[key] for key in ("name", "family", "latent_size", "distance", "precision")},
        width=model["framing"]["width"],
        height=model["framing"]["height"],
        generator=" Its generator comes with it." if "generator" in model else "",
        origin=_origin(model),
        reading=_reading(model),
        scores=scores or "Nothing yet.\n",
        check_images=fidelity.get("images", 0),
        mean_cosine=fidelity.get("mean_cosine", "unknown"),
        least_cosine=fidelity.get("least_cosine", "unknown"),
        generator_difference=_generator_difference(fidelity),
        overlap=fidelity.get("overlap@20", "unknown"),
        exact="full precision" if _is_read_by_parts(model) else "the trained PyTorch networks",
    )


def _labels(model: dict[str, Any]) -> str:
    if "attributes" not in model:
        return "No label of any picture was used in training."
    learned = ", ".join(model["attributes"]["labels"])
    agreement = model["fidelity"].get("attributes_in_common", "unknown")
    return (
        f"Labels of the pictures were used in training: {learned}. Of these its graph says what PyTorch's network says "
        f"in {agreement} of cases. It guesses what those who labelled the training pictures would say of another; what "
        "is rare there it seldom sees."
    )


def _origin(model: dict[str, Any]) -> str:
    """Where the networks are from: a training run, or a pretrained network."""
    trained = model["trained"]
    if model["family"] == FITTED_FAMILY:
        return FITTED.format(
            **{key: trained[key] for key in ("terms", "preset", "seed", "seconds", "hardware", "commit")},
            data=_pictures(trained),
            commands=_commands(trained),
            parts=", ".join(trained["boxes"]),
            mirror=", added to those of the mirror image" if trained["recipe"]["mirror"] else "",
        )
    if "source" in trained:
        return PRETRAINED.format(**trained)
    return TRAINED.format(
        **{key: trained[key] for key in ("terms", "preset", "seed", "steps", "hardware", "precision", "commit")},
        data=_pictures(trained),
        commands=_commands(trained),
        hours=trained["seconds"] / 3600,
        labels=_labels(model),
    )


def _is_read_by_parts(model: dict[str, Any]) -> bool:
    return model["family"] == FITTED_FAMILY or "reading" in model


def _reading(model: dict[str, Any]) -> str:
    if "reading" not in model:
        return ""
    read = model["reading"]
    return (
        "\n\n## Read by parts\n\n"
        f"Its codes are not the network's own: layer {read['layer']} of {read['layers']} is read in the parts "
        f"{', '.join(read['boxes'])}, each by the directions in which pictures differ and altered copies "
        "of one do not (linear discriminants), scaled to length 1, and all side by side reduced by PCA; fitted on the "
        "training pictures, without labels."
    )


def _pictures(trained: dict[str, Any]) -> str:
    return f"{trained['images']:,} pictures of `{trained['data']}`."


def _commands(trained: dict[str, Any]) -> str:
    return ", then ".join(f"`{command}`" for command in trained["commands"])


def _generator_difference(fidelity: dict[str, Any]) -> str:
    steps = fidelity.get("generator_mean_difference")
    if steps is None:
        return ""
    return f"The generator's pictures differ from PyTorch's by {steps} steps of 255 on average.\n"
