"""Stores codes on disk and builds and searches the FAISS index derived from them."""
