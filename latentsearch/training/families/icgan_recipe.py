"""IcGAN's recipe (sizes, labels and schedule) and its presets for pictures and digits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from indexer.encoders.framing import Framing
from latentsearch.training.datasets.framings import FRAMINGS
from latentsearch.training.engine.family import LabelledRecipe

DESIGNS = ("IND", "IND-COND", "SNG")


@dataclass(frozen=True)
class Recipe(LabelledRecipe):
    """The sizes and schedule of an IcGAN run.

    data: "pictures" or "digits". width: channels of the last hidden layer of G and the first of D. encoder_width:
    channels of the encoders' first convolution (Table 2). design: one of DESIGNS, for the encoders.
    generator_position, discriminator_position: the number of layers before y is joined, 0 for the input.
    attribute_epochs: epochs for Ey. inverse_epochs: epochs for Ez. With SNG, both encoders learn for the larger of the
    two. flip: whether each real picture is mirrored with probability 1/2. annealed: whether the encoders' learning rate
    falls linearly to 0.

    These fields are not in the paper:

    - r1: the weight of D's gradient penalty on real pictures (`lazy_penalty`), 0 for none. normalised: whether D has
      batch normalisation, as in Table 1.
    - flipped_labels: whether the wrong labels of D's third kind of pair are a picture's own with one of them flipped,
      so that D must look at each attribute, rare ones too; and whether half of the generated pictures' labels have one
      flipped. Otherwise both are those of other training pictures.
    - guidance: weight in G's loss of the squared error between the labels that G was given and Ey's values of its
      picture, in units of each label's variance. Ey then learns from real pictures beside D (eq. 4), and again in its
      own stage. D judges labels together and rejects rare combinations whatever the picture shows; Ey judges each label
      by itself. SNG, which has no attribute encoder of its own, goes without.
    """

    data: str = "pictures"
    width: int = 64
    encoder_width: int = 32
    design: str = "IND"
    generator_position: int = 0
    discriminator_position: int = 1
    generator_epochs: int = 25
    attribute_epochs: int = 25
    inverse_epochs: int = 25
    encoder_learning_rate: float = 2e-4
    average_decay: float = 0.999
    flip: bool = False
    annealed: bool = False
    r1: float = 0.0
    normalised: bool = True
    flipped_labels: bool = False
    guidance: float = 0.0

    @property
    def framing(self) -> Framing:
        """How pictures are cropped and scaled to the networks' input."""
        return FRAMINGS[28 if self.data == "digits" else 64]


PICTURES = Recipe()
DIGITS = replace(PICTURES, data="digits")
PRESETS = {
    "pictures": {
        # For a GPU; never run to the end.
        "paper": PICTURES,
        # The bundle `icgan` was trained so, in several runs (see its card): 24 epochs of the GAN without guidance, 14
        # with it (the first 10 with labels that all had the same unit), and the encoders.
        # Time: 78 minutes on one core of a busy machine.
        # Scores: `python -m benchmarks attribute-editing`.
        "small": replace(
            PICTURES,
            width=32,
            encoder_width=16,
            batch=32,
            learning_rate=4e-4,
            generator_epochs=30,
            attribute_epochs=4,
            inverse_epochs=5,
            encoder_learning_rate=1e-3,
            flip=True,
            annealed=True,
            r1=0.05,
            normalised=False,
            flipped_labels=True,
            guidance=1.5,
        ),
    },
    "digits": {
        "paper": DIGITS,
        "small": replace(
            DIGITS,
            width=16,
            encoder_width=16,
            generator_epochs=3,
            attribute_epochs=1,
            inverse_epochs=1,
            encoder_learning_rate=1e-3,
            average_decay=0.997,
            annealed=True,
        ),
    },
}
