"""A training run -> an encoder bundle."""
