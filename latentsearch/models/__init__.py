"""The networks, one module per paper, each layer written as a line of the paper's table."""
