"""Data sets of the experiments: faces, altered faces and copies, and synthetic codes."""
