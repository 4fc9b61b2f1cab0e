"""Codes by parts: classical features or a network's layer, read by parts of the picture; linear algebra, no training.

What is new here is only how old things are put together: histograms of oriented gradients (Dalal and Triggs 2005),
eigenspaces of parts (Pentland, Moghaddam and Starner 1994) and linear discriminants (Fisher 1936) between what pictures
differ in and what alterations of one picture differ in.
"""
