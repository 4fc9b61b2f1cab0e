"""The page of reconstruction with runs of the `paper` presets."""

from benchmarks.pages.reconstruction import write

__all__ = ["NAME", "write"]

NAME = "reconstruction-paper"
