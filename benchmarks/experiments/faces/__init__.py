"""Faces in photographs: how many are found, where, how their codes search and group, and how fast."""
