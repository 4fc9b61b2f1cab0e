"""The experiment ablations."""
