"""BiGAN's joint discriminator as AEGAN compares itself with it (AEGAN, Table 6); its G and E are Tables 3 and 5.

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

    "Conv cond concat" is read as in the DCGAN implementation that has it: the code stands at every one of the 8x8
    places, as so many channels more. Every convolution is marked Y under BN, the concatenation, the reshape and the
    dense layer N: so there is batch normalisation after each convolution and none of the joined tensor. Without
    `normalise_last` there is none where 1x1 is left.
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
        """Judge pairs of image and code: above 0 means an image that is real and its code by E."""
        features = self.features(x * 2 - 1)
        everywhere = z.to(features.dtype)[:, :, None, None].expand(-1, -1, JOINED_SIZE, JOINED_SIZE)
        logits: Tensor = self.logits(torch.cat([features, everywhere], 1)).float().squeeze(1)
        return logits
