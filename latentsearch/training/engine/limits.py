"""Upper limits for the sizes of networks; larger networks do not fit into memory."""

WIDTH = 4_096
LATENT_SIZE = 65_536
