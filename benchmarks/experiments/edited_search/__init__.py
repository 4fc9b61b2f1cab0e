"""The experiment edited-search."""
