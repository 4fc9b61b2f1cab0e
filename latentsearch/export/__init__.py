"""Export training runs and pretrained networks as encoder bundles."""
