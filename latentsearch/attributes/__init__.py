"""Labels in codes: searches with labels set, pictures redrawn, attributes predicted."""
