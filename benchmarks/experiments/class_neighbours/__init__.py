"""The experiment class-neighbours."""
