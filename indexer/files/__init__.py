"""Finds picture files in folders and applies ignore rules; reads label files."""
