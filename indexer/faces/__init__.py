"""Faces in photographs: finding them, and laying them on the template of an encoder."""
