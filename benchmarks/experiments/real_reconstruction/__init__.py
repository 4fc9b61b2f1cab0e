"""The experiment real-reconstruction."""
