"""One loop that every family shares: stages, precision, averaging, checkpoints, statistics."""
