"""Two pictures -> what they are to one another."""
