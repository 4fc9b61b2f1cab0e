"""The page of latent-size on MNIST."""

from benchmarks.pages.latent_size import write

__all__ = ["NAME", "write"]

NAME = "latent-size-mnist"
