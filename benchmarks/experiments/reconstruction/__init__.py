"""The experiment reconstruction."""
