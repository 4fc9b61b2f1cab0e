"""The experiment attribute-editing."""
