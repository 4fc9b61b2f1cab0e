"""Find pictures of an index that are copies of one another: fingerprints propose pairs, file contents decide."""
