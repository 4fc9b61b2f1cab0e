"""The experiment encoder-designs."""
