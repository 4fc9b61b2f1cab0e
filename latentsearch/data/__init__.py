"""Describe, fetch, unpack and verify public data sets.

All facts about a data set (files, hashes, splits, labels) are in its TOML manifest in `data_manifests/`, not in code.
"""

from latentsearch.data.manifest import Manifest, load_manifest, manifest_names
from latentsearch.data.ring import draw_ring
from latentsearch.data.verify import Report, folder_of, verify

__all__ = ["Manifest", "Report", "draw_ring", "folder_of", "load_manifest", "manifest_names", "verify"]
