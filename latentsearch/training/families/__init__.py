"""What is learned: one file a paper."""
