"""The experiment predicted-labels."""
