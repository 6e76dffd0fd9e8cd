"""Measured comparisons, run from the repository's root: ``python -m benchmarks.evaluate``."""
