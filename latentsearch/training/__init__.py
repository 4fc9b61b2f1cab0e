"""One loop over shared parts: images, precision, averaging, checkpoints, statistics; one file a paper."""
