"""The experiment decoding-memory."""
