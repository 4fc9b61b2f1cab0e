"""The catalogue: an index's images, labels, failures and metadata, in SQLite; all SQL is here."""
