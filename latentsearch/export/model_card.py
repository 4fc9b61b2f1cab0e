"""Write a bundle's model.json and MODEL_CARD.md, its description in Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# The family without a network, fitted by linear algebra.
FITTED_FAMILY = "parts"
# The family of networks from ONNX files.
FOREIGN_FAMILY = "onnx"

CARD = """# {name}

An encoder of the family {family}. It turns pictures of {width}x{height} pixels into codes of {latent_size} numbers,
which are compared by {distance} distance.{generator}

{origin}{reading}

## Measured

{scores}

Codes of the {precision} graph compared with {exact}, on {check_images} pictures: mean cosine {mean_cosine},
least {least_cosine}, overlap of the top 20 {overlap}.
{generator_difference}
## Limits

Results are less reliable for pictures that differ from the training pictures in content or framing. Do not use the
codes to identify people.
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

## Method

Classical: linear algebra on fixed features, no network.

1. Half-wave derivatives in eight directions and mean colours are computed on a grid of 16x16 cells (histograms of
   oriented gradients: Dalal and Triggs, CVPR 2005){mirror}.
2. For each of the parts {parts} (modular eigenspaces: Pentland, Moghaddam and Starner, CVPR 1994), the directions are
   kept in which pictures differ but altered copies of one picture do not (linear discriminants: Fisher 1936). The
   result is scaled to length 1.
3. All parts are concatenated and reduced by PCA.

The generator is a least-squares fit from codes to pictures; it shows the information that a code contains.

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

Most such networks were trained with labels of pictures; see the source of the weights."""


FOREIGN = """## Source

| | |
|---|---|
| network | `{source}`, sha256 {sha256} |
| learned from | {data} |
| input | {size} pixels from 0 to 255, minus {mean}, divided by {scale} |
| output | `{output}`, {features:,} numbers{pooled} |
| codes fitted on | {pictures:,} pictures |
| licence | {licence} |

**Terms:** {terms}

{reduction}

Networks like this one are mostly learned with labels of pictures; the row "learned from" says so where it is known."""


def write_model(folder: Path, model: dict[str, Any]) -> None:
    """Write a bundle's model.json and MODEL_CARD.md."""
    (folder / "model.json").write_text(json.dumps(model, indent=1) + "\n")
    (folder / "MODEL_CARD.md").write_text(model_card(model))


def record_scores(folder: Path, scores: dict[str, float]) -> None:
    """Replace the scores in a bundle's model.json and model card."""
    model = json.loads((folder / "model.json").read_text())
    write_model(folder, {**model, "scores": scores})


def model_card(model: dict[str, Any]) -> str:
    """Format the content of model.json as a model card in Markdown."""
    fidelity = model["fidelity"]
    scores = "".join(f"- {name}: {value}\n" for name, value in model["scores"].items())
    return CARD.format(
        **{key: model[key] for key in ("name", "family", "latent_size", "distance", "precision")},
        width=model["framing"]["width"],
        height=model["framing"]["height"],
        generator=" The bundle includes a generator." if "generator" in model else "",
        origin=_origin(model),
        reading=_reading(model),
        scores=scores or "Nothing yet.\n",
        check_images=fidelity.get("images", 0),
        mean_cosine=fidelity.get("mean_cosine", "unknown"),
        least_cosine=fidelity.get("least_cosine", "unknown"),
        generator_difference=_generator_difference(fidelity),
        overlap=fidelity.get("overlap@20", "unknown"),
        exact="the trained PyTorch networks" if _is_checked_by_torch(model) else "full precision",
    )


def _labels(model: dict[str, Any]) -> str:
    if "attributes" not in model:
        return "No label of any picture was used in training."
    learned = ", ".join(model["attributes"]["labels"])
    agreement = model["fidelity"].get("attributes_in_common", "unknown")
    return (
        f"Labels of the pictures were used in training: {learned}. The attribute graph agrees with the PyTorch network "
        f"on a share of {agreement} of the labels. It predicts how the annotators of the training pictures would label "
        "a picture, and rarely predicts labels that are rare in them."
    )


def _origin(model: dict[str, Any]) -> str:
    """Format the section on the origin: a training run, a fit, or a pretrained network."""
    trained = model["trained"]
    if model["family"] == FITTED_FAMILY:
        return FITTED.format(
            **{key: trained[key] for key in ("terms", "preset", "seed", "seconds", "hardware", "commit")},
            data=_pictures(trained),
            commands=_commands(trained),
            parts=", ".join(trained["boxes"]),
            mirror=", and those of the mirror image are added" if trained["recipe"]["mirror"] else "",
        )
    if model["family"] == FOREIGN_FAMILY:
        return _foreign(model)
    if "source" in trained:
        return PRETRAINED.format(**trained)
    return TRAINED.format(
        **{key: trained[key] for key in ("terms", "preset", "seed", "steps", "hardware", "precision", "commit")},
        data=_pictures(trained),
        commands=_commands(trained),
        hours=trained["seconds"] / 3600,
        labels=_labels(model),
    )


def _foreign(model: dict[str, Any]) -> str:
    """Format the section on the origin of a network from an ONNX file."""
    trained, framing = model["trained"], model["framing"]
    reduced = (
        "The mean over these pictures is subtracted from the network's output, which is then reduced by PCA and scaled "
        "to length 1. This reduction was fitted without labels."
    )
    own = "The codes are the network's own output."
    return FOREIGN.format(
        **{key: trained[key] for key in ("source", "sha256", "data", "output", "features", "pictures", "terms")},
        size=f"{framing['width']}x{framing['height']}",
        mean=", ".join(f"{number:g}" for number in trained["mean"]),
        scale=", ".join(f"{number:g}" for number in trained["scale"]),
        pooled=", averaged over the picture" if trained["pooled"] else "",
        licence="in the file `LICENSE`" if trained["licence"] else "not stated",
        reduction=reduced if model["distance"] == "cosine" else own,
    )


def _is_checked_by_torch(model: dict[str, Any]) -> bool:
    return model["family"] not in (FITTED_FAMILY, FOREIGN_FAMILY) and "reading" not in model


def _reading(model: dict[str, Any]) -> str:
    if "reading" not in model:
        return ""
    read = model["reading"]
    return (
        "\n\n## Read by parts\n\n"
        f"The codes are not the network's own. They are computed from layer {read['layer']} of {read['layers']}, in "
        f"the parts {', '.join(read['boxes'])}. Each part is reduced to the directions in which pictures differ but "
        "altered copies of one picture do not (linear discriminants) and scaled to length 1; all parts are then "
        "concatenated and reduced by PCA. The reduction was fitted on the training pictures without labels."
    )


def _pictures(trained: dict[str, Any]) -> str:
    return f"{trained['images']:,} pictures of `{trained['data']}`."


def _commands(trained: dict[str, Any]) -> str:
    return ", then ".join(f"`{command}`" for command in trained["commands"])


def _generator_difference(fidelity: dict[str, Any]) -> str:
    steps = fidelity.get("generator_mean_difference")
    if steps is None:
        return ""
    return f"The generator's pictures differ from PyTorch's by {steps} on average, on a scale of 0 to 255.\n"
