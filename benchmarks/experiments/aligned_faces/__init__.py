"""The experiment aligned-faces."""
