"""Means, intervals and paired differences of search results, and their tables."""
