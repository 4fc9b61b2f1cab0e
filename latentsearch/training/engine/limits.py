"""The greatest numbers that a network is made with: beyond them none fits in any memory."""

WIDTH = 4_096
LATENT_SIZE = 65_536
