"""Decodes picture files into pixels, with Pillow and additions for what it lacks."""
