"""Upper limits for the sizes of networks, above which they do not fit into memory, and for positions in them."""

WIDTH = 4_096
LATENT_SIZE = 65_536
# The number of layers of IcGAN's networks before y is joined.
POSITION = 4
