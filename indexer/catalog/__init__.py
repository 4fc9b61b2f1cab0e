"""The catalogue: an index's images, labels, failures and metadata in SQLite. All SQL is in this package."""
