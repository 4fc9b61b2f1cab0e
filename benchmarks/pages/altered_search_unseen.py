"""The page of altered-search --unseen."""

from benchmarks.pages.altered_search import write

__all__ = ["NAME", "write"]

NAME = "altered-search-unseen"
