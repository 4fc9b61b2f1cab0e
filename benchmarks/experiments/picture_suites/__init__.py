"""The experiment picture-suites."""
