"""The experiment inversion."""
