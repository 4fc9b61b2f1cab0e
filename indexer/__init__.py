"""image -> code -> index: discover, decode, encode, catalogue, vectors; never imports torch."""
