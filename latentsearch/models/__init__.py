"""The networks, one file a paper, each written as its table reads."""
