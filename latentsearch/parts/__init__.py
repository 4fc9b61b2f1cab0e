"""Codes by parts: classical features, or a network's layer, reduced separately for each part of the picture.

There is no training by gradient descent, only linear algebra on known methods: histograms of oriented gradients (Dalal
and Triggs 2005), eigenspaces of parts (Pentland, Moghaddam and Starner 1994), and linear discriminants (Fisher 1936)
that separate the differences between pictures from the differences between altered copies of one picture.
"""
