"""The experiment precision."""
