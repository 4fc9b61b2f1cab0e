"""The methods under comparison: each turns pictures into codes, learned or not."""
