"""An index as a Parquet file, written and read."""
