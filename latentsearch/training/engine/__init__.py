"""The training loop shared by all families: stages, precision, weight averages, checkpoints, statistics."""
