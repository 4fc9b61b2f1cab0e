"""The experiment published-codes."""
