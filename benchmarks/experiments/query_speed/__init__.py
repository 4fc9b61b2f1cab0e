"""The experiment query-speed."""
