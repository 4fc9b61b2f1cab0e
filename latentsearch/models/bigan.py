"""BiGAN's joint discriminator in AEGAN's comparison (AEGAN, Table 6); G and E are AEGAN's Tables 3 and 5.

Images are float32 (n, 3, 64, 64) in [0, 1]; codes are float32 (n, latent_size) in [-1, 1]. `width` is the table's 64.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentsearch.models.dcgan import SLOPE
from latentsearch.models.layers import convolution, initialise

JOINED_SIZE = 8


class JointDiscriminator(nn.Module):
    """D, Table 6: images (n, 3, 64, 64) and codes (n, latent_size) -> logits (n,); the sigmoid is inside the loss.

    "Conv cond concat" is implemented as in common DCGAN implementations: the code's numbers become channels that are
    constant over the 8x8 positions. The table's BN column is Y for convolutions and N for the concatenation, the
    reshape and the dense layer, so batch normalisation follows every convolution but not the concatenation.
    `normalise_last=False` omits it after the last convolution, whose output is 1x1.
    """

    def __init__(self, width: int = 64, latent_size: int = 100, normalise_last: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(3, width, nn.LeakyReLU(SLOPE, inplace=True)),
            convolution(width, width * 2, nn.LeakyReLU(SLOPE, inplace=True)),
            convolution(width * 2, width * 4, nn.LeakyReLU(SLOPE, inplace=True)),
        )
        self.logits = nn.Sequential(
            convolution(width * 4 + latent_size, width * 8, nn.LeakyReLU(SLOPE, inplace=True)),
            convolution(width * 8, width * 8, nn.LeakyReLU(SLOPE, inplace=True)),
            convolution(width * 8, width * 8, nn.LeakyReLU(SLOPE, inplace=True), normalise=normalise_last),
            nn.Flatten(),
            nn.Linear(width * 8, 1),
        )
        initialise(self)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits for pairs of image and code; above 0 means a real image with its code from E."""
        features = self.features(x * 2 - 1)
        everywhere = z.to(features.dtype)[:, :, None, None].expand(-1, -1, JOINED_SIZE, JOINED_SIZE)
        logits: Tensor = self.logits(torch.cat([features, everywhere], 1)).float().squeeze(1)
        return logits
