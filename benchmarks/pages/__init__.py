"""One module an experiment: stored results -> its page, tables and plots. None searches, trains or reads a picture.

Each has `NAME`, the experiment's, and `write(record, folder)`, which makes NAME.md and what it shows of the record that
`benchmarks.results_store.store` wrote, and returns the paths of what it made.
"""
