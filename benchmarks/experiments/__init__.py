"""One folder an experiment: run.py measures, page.py makes its page."""
