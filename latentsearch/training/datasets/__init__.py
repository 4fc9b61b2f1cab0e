"""Training examples: pictures, digits and points, with their labels and alterations."""
