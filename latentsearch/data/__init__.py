"""Public data sets: what they consist of, how to get them, and whether a copy is whole.

What is known of a data set stands in one TOML file a set (`data_manifests/`); this package reads those files and never
holds a fact of its own.
"""

from latentsearch.data.manifest import Manifest, load_manifest, manifest_names
from latentsearch.data.ring import draw_ring
from latentsearch.data.verify import Report, folder_of, verify

__all__ = ["Manifest", "Report", "draw_ring", "folder_of", "load_manifest", "manifest_names", "verify"]
