"""Exports an index to a Parquet file, and imports it back."""
