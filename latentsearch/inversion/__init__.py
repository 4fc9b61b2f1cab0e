"""Find codes of pictures by optimisation through a generator, without an encoder."""
