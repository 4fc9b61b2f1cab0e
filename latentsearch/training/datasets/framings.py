"""The framings (crop and scale) of square networks, by side in pixels."""

from __future__ import annotations

from indexer.encoders.framing import CELEBA, Crop, Framing

# IVE-GAN: "centrally cropped to 128x128", from an aligned CelebA picture of 178x218.
CENTRE = Framing(128, 128, (Crop((178, 218), (25, 45, 153, 173)),))
FRAMINGS = {28: Framing(28, 28), 64: CELEBA, 128: CENTRE}
