"""One index: where it is, opened, searched, checked and maintained."""
