"""Decodes picture files into pixels, with Pillow, and with other libraries where Pillow falls short."""
