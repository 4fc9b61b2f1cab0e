"""Every experiment of the papers, the baselines and the speed tables: `python -m benchmarks NAME`."""
