"""Codes on disk, and the FAISS index that is derived from them."""
