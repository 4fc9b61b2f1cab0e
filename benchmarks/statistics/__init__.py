"""Means, intervals and paired differences of label similarity, and their tables."""
