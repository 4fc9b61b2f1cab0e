"""What `latentsearch index` does: folders -> files -> codes -> an index."""
