"""Encoder bundles: pixels -> codes, and pixels -> attributes."""
