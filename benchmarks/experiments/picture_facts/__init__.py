"""The experiment picture-facts."""
