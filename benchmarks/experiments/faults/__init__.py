"""The experiment faults."""
