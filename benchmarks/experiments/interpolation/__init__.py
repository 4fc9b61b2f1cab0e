"""The experiment interpolation."""
