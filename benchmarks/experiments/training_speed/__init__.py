"""The experiment training-speed."""
