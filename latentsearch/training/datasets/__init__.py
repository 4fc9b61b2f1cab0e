"""What a run learns from: pictures, digits, points; their labels, and alterations of them."""
