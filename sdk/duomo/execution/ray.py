"""Moved to `duomo.execution`; this name goes with the next release."""

import warnings

from duomo.execution.pools.ray import RayExecutor as RayExecutor

warnings.warn("duomo.execution.ray is now duomo.execution.RayExecutor", DeprecationWarning, stacklevel=2)
