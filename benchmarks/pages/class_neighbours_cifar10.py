"""The page of class-neighbours on CIFAR-10."""

from benchmarks.pages.class_neighbours import write

__all__ = ["NAME", "write"]

NAME = "class-neighbours-cifar10"
