"""The experiments of the papers, the baselines and the speed measurements: `python -m benchmarks NAME`."""
