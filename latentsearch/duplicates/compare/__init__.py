"""Compare two pictures: whether one is a copy of the other, what was changed, and what each has lost."""
