"""The page of latent-size on CIFAR-10."""

from benchmarks.pages.latent_size import write

__all__ = ["NAME", "write"]

NAME = "latent-size-cifar10"
