"""One folder per experiment: run.py measures, page.py writes its page."""
