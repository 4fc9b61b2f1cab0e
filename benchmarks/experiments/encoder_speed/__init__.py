"""The experiment encoder-speed."""
