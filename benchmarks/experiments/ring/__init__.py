"""The experiment ring."""
