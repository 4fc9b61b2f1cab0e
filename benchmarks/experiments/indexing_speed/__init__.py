"""The experiment indexing-speed."""
