"""The families of networks, one module per paper."""
