"""The version of duomo, readable without importing anything else."""

__version__ = "0.1.0"

RESULTS = 1
"""Number of what is computed: raised by a release after which the same inputs, weights and options give other results.

A run that was stored under another number is not gone on with; one stored by another version under this number is.
"""
RESULTS_BEFORE = {"0.1.0": 1}
"""The number of versions that wrote their version into a store instead."""
