"""The experiment duplicates."""
