"""IVE-GAN's recipe (sizes, transformations and schedule) and its presets for pictures, digits and the ring."""

from __future__ import annotations

from dataclasses import dataclass, replace

from indexer.encoders.framing import Framing
from latentsearch.training.datasets.framings import FRAMINGS
from latentsearch.training.datasets.ring import ring
from latentsearch.training.datasets.transforms import Jitter, Transformation
from latentsearch.training.engine import family

RING_SCALE = 0.75  # G ends in Tanh, so the ring of radius 1 is scaled into (-1, 1)


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes, transformations and schedule of an IVE-GAN run; the defaults are Table 3's.

    data: "pictures", "digits" or "ring". size: pixels per side. average_decay: 0 for no moving averages.

    These fields are not in the paper:

    - instance_noise: standard deviation of noise added to the discriminators' inputs; it falls to 0 during training.
    - falling_rates: whether learning rates fall to 0 in the second half of the steps.
    - sharpness, discriminator_sharpness, prior_sharpness: for points, factors of the first layer's initial weights in E
      and G, in D, and in D' (see `sharpen`).
    - depth: for points, the number of hidden layers in G, D and D'; 1 in Table 1.
    - mismatched: whether D also sees T(x) paired with another x, labelled as generated, so that it must compare both.
    - compared: for points and digits, whether D also reads the distances and products of its two features (see
      `compared`).
    - spectral: for digits, whether the discriminators use spectral instead of batch normalisation.
    - matching: for digits and pictures, weight of BYOL's loss (`prediction_loss`) between a matcher's outputs for x and
      for G(z', E(x)). The matcher is trained by NT-Xent to identify the T(x) that belongs to each x in the batch.
    - prediction: weight of BYOL's loss between the matcher's output for x and the output that the predictor, a network
      with two hidden layers, computes from E's code.
    - temperature: of the matcher's NT-Xent loss.
    - reconstruction: weight of the squared error of a number between G(0, E(x)) and x. Without it, a whole class of
      digits or mode of points can come back as another one, and D then passes no gradient that would change this.
    - adversarial: whether there are D and D'; without them, G and E learn from the other losses alone.
    - r1: for digits and pictures, weight of the discriminators' gradient penalty on real pictures (`lazy_penalty`), 0
      for none. normalised: for pictures, whether D_enc has batch normalisation, as in Table 3.
    """

    data: str = "pictures"
    size: int = 128
    width: int = 128
    latent_size: int = 1024
    noise_size: int = 16
    epochs: int = 16
    discriminator_learning_rate: float = 1e-4
    average_decay: float = 0.0
    shift: float = 20.0
    rotation: float = 20.0
    flip: bool = True
    brightness: float = 0.1
    contrast: float = 0.1
    hue: float = 0.05
    instance_noise: float = 0.0
    falling_rates: bool = False
    sharpness: float = 1.0
    discriminator_sharpness: float = 1.0
    prior_sharpness: float = 1.0
    depth: int = 1
    mismatched: bool = False
    compared: bool = False
    spectral: bool = False
    matching: float = 0.0
    prediction: float = 0.0
    temperature: float = 0.5
    reconstruction: float = 0.0
    adversarial: bool = True
    r1: float = 0.0
    normalised: bool = True

    @property
    def framing(self) -> Framing:
        """How pictures are cropped and scaled to the networks' input; unused for points."""
        return FRAMINGS[self.size]

    @property
    def transformation(self) -> Transformation | Jitter:
        """The transformation T."""
        if self.data == "ring":
            return Jitter(RING_SCALE * ring().sigma / 2**0.5)  # eq. 4
        return Transformation(
            self.shift,
            self.rotation,
            self.flip,
            self.brightness,
            self.contrast,
            self.hue,
            padding="zeros" if self.data == "digits" else "reflection",
        )


# Table 3. For a GPU; never run to the end.
PICTURES = Recipe()
# Table 2. The paper's second model has --latent-size 16.
DIGITS = Recipe(
    batch=512, beta1=0.7, data="digits", size=28, width=64, latent_size=3, noise_size=4, epochs=100,
    shift=4, flip=False, brightness=0, contrast=0, hue=0,
)  # fmt: skip
# Table 1. Its 50,000 epochs are taken as steps, each on a new batch of points; an epoch here is 1,000 batches.
RING = Recipe(
    batch=1024, beta1=0.7, data="ring", size=64, width=128, latent_size=3, noise_size=4, epochs=50,
    shift=0, rotation=0, flip=False, brightness=0, contrast=0, hue=0,
)  # fmt: skip
PRESETS = {
    "pictures": {
        "paper": PICTURES,
        # Command: `latentsearch train ivegan celeba -o runs/ivegan --preset small --threads 1`, 20,000 faces.
        # Time: 34 minutes on one AVX512 core of a busy machine.
        # Agreement @1 and @20 (`python -m benchmarks label-similarity`): 0.779 and 0.774, whitened 0.787 and 0.775.
        # Generated pictures are rough. Neighbours share eyeglasses, hats, bangs and gender more often than neighbours
        # by pixels do (`python -m benchmarks latent-map`).
        "small": replace(
            PICTURES,
            size=64,
            width=24,
            latent_size=128,
            batch=32,
            epochs=6,
            shift=10,
            average_decay=0.997,
            matching=10.0,
            prediction=10.0,
            temperature=0.2,
        ),
    },
    "digits": {
        "paper": DIGITS,
        # Command: `latentsearch train ivegan mnist.npz -o runs/digits --preset small --threads 1`, 60,000 digits.
        # Time: 21 minutes on one core of a lightly loaded machine.
        # Scores (`python -m benchmarks mnist`) with latent size 3 and with --latent-size 16: accuracy of 5 nearest
        # neighbours 0.929 and 0.976, share of reconstructions that show the right digit 0.824 and 0.968.
        "small": replace(
            DIGITS,
            beta1=0.5,
            width=16,
            batch=64,
            epochs=8,
            average_decay=0.998,
            learning_rate=1e-3,
            discriminator_learning_rate=1e-3,
            falling_rates=True,
            mismatched=True,
            compared=True,
            spectral=True,
            matching=60.0,
            prediction=30.0,
            temperature=0.2,
            reconstruction=100.0,
        ),
    },
    "ring": {
        "paper": RING,
        # Command: `python -m benchmarks ring`, which trains this preset and reports its time and scores.
        "small": replace(
            RING,
            beta1=0.0,
            batch=512,
            width=128,
            epochs=6,
            average_decay=0.999,
            learning_rate=2.5e-3,
            discriminator_learning_rate=5e-3,
            instance_noise=0.2,
            falling_rates=True,
            reconstruction=30.0,
            sharpness=8.0,
            discriminator_sharpness=100.0,
            prior_sharpness=20.0,
            depth=2,
            mismatched=True,
            compared=True,
        ),
    },
}
