"""A directly learned inverse generator: the squared error of z instead of the image's (AEGAN eq. 3, Table 1).

It is IcGAN's Ez without labels (IcGAN eq. 3). Networks and schedule are AEGAN's, and the generator is too:
`latentsearch train direct DATA -o RUN --generator AEGAN_RUN` takes that of a finished AEGAN run.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss

from latentsearch.training.families import aegan

Recipe = aegan.Recipe

PRESETS = {
    "pictures": {
        # `latentsearch train direct celeba -o runs/direct --preset paper --generator runs/aegan`: 39 s on an NVIDIA
        # H200 with other runs beside it. Similarity of reconstructions: 0.902 of generated faces, 0.777 of real ones.
        "paper": aegan.PICTURES["paper"],
        # `latentsearch train direct celeba -o runs/direct --preset small --generator runs/aegan --threads 1`: 43
        # minutes on one AVX2 core with other work beside it. Similarity of reconstructions to expect
        # (`python -m benchmarks reconstruction`): 0.869 of generated faces, 0.756 of real ones.
        "small": aegan.PICTURES["small"],
    }
}


class Direct(aegan.Aegan):
    """AEGAN but for the loss of the inverse generator."""

    def inverse_loss(self, z: Tensor, generated: Tensor, z_hat: Tensor) -> Tensor:
        """||z - IG(G(z))||^2, mean over the numbers of a code (AEGAN eq. 3)."""
        return mse_loss(z_hat, z)


FAMILY = Direct
