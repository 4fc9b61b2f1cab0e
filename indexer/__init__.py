"""Image files -> codes -> an index on disk; never imports torch."""

from indexer.privacy import send_nothing

send_nothing()
