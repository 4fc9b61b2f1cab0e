"""Codes by optimisation through a generator, without an encoder."""
