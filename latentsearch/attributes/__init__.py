"""Search with labels set, redraw pictures with labels set, and predict attributes."""
