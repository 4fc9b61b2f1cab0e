"""The experiment redrawn-search."""
