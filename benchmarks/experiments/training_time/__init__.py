"""The experiment training-time."""
