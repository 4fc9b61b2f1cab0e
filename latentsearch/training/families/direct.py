"""A directly trained inverse generator: it minimises the squared error of z, not of the image (AEGAN eq. 3, Table 1).

This is IcGAN's Ez without labels (IcGAN eq. 3). The networks and schedule are AEGAN's. To use the generator of a
finished AEGAN run: `latentsearch train direct DATA -o RUN --generator AEGAN_RUN`.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss

from latentsearch.training.families import aegan

Recipe = aegan.Recipe

PRESETS = {
    "pictures": {
        # Command: `latentsearch train direct celeba -o runs/direct --preset paper --generator runs/aegan`.
        # Time: 39 s on an NVIDIA H200 shared with other runs.
        # Similarity of reconstructions (`python -m benchmarks reconstruction`): generated faces 0.902, real ones 0.777.
        "paper": aegan.PICTURES["paper"],
        # Command: `latentsearch train direct celeba -o runs/direct --preset small --generator runs/aegan --threads 1`.
        # Time and scores are those of an earlier `small`, AEGAN's too: 43 minutes on one AVX2 core of a busy machine.
        # Similarity of reconstructions (`python -m benchmarks reconstruction`): generated faces 0.869, real ones 0.756.
        "small": aegan.PICTURES["small"],
    }
}


class Direct(aegan.Aegan):
    """AEGAN with another loss for the inverse generator."""

    def inverse_loss(self, z: Tensor, generated: Tensor, z_hat: Tensor) -> Tensor:
        """Return ||z - IG(G(z))||^2, averaged over a code's dimensions and the batch (AEGAN eq. 3)."""
        return mse_loss(z_hat[: len(z)], z)


FAMILY = Direct
