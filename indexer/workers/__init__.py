"""Processes that read and decode files, and how their work and memory are shared out."""
