"""Moved to `duomo.execution`; this name goes with the next release."""

import warnings

from duomo.execution.pools.pool import PoolExecutor as PoolExecutor

warnings.warn(
    "import PoolExecutor from duomo.execution, not from duomo.execution.pool", DeprecationWarning, stacklevel=2
)
