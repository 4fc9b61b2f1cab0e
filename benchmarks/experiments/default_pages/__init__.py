"""The experiment default-pages."""
