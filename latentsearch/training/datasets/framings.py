"""How pictures become the input of square networks, by the number of pixels of a side."""

from __future__ import annotations

from indexer.encoders.framing import CELEBA, Crop, Framing

# "Centrally cropped to 128x128" of an aligned 178x218 picture.
CENTRE = Framing(128, 128, (Crop((178, 218), (25, 45, 153, 173)),))
FRAMINGS = {28: Framing(28, 28), 64: CELEBA, 128: CENTRE}
