"""The experiment label-similarity."""
