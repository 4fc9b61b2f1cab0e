"""Judges of generated pictures and codes: networks, classifiers and noise measurements."""
