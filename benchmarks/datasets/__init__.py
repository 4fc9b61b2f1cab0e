"""What experiments measure on: faces, alterations and copies of them, synthetic codes."""
