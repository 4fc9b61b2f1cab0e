"""The page of class-neighbours on MNIST."""

from benchmarks.pages.class_neighbours import write

__all__ = ["NAME", "write"]

NAME = "class-neighbours-mnist"
