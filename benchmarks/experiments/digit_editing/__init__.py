"""The experiment digit-editing."""
