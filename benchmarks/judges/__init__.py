"""What judges generated pictures and codes: networks, classifiers, noise."""
