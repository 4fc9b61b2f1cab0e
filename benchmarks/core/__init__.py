"""Shared by all experiments: metrics, exact search, timing, stored results and pages."""
