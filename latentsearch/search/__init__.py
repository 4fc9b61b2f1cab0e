"""A query -> ranked results, and the forms in which they are shown."""
