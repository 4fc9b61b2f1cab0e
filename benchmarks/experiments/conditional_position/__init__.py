"""The experiment conditional-position."""
