"""The experiment objectives."""
