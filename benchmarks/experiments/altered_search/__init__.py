"""The experiment altered-search."""
