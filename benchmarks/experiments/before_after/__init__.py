"""The experiment before-after."""
