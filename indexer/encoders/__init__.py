"""Encoder bundles: networks that turn pixels into codes and into attributes."""
