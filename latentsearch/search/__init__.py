"""Search an index with a query, and write the ranked results as JSON, CSV, a table or a contact sheet."""
